"""PyTorch's and transformers' Adafactor beside ours: steps on request, one JSON line per answer.

    torch_adafactor.py <rows> <columns> f32|f16|bf16 <threads> cpu|cuda

First writes the versions, or {"error": "..."}. Reads lines `NAME ITERATIONS`, NAME one of torch, torch-foreach, transformers; writes {"times": [milliseconds]} or
{"error": "..."}.
"""

import json
import sys
import time

import torch
import transformers

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def main():
    rows, columns, dtype, threads, place = sys.argv[1:]
    if place == "cuda" and not torch.cuda.is_available():
        error = "it sees no GPU: give it a CUDA build of PyTorch, or leave out --peer torch"
        print(json.dumps({"error": error}), flush=True)
        return
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    noise = lambda: (0.02 * torch.randn(int(rows), int(columns))).to(DTYPES[dtype]).to(place)
    weight = torch.nn.Parameter(noise())
    weight.grad = noise()
    makers = {
        "torch": lambda: torch.optim.Adafactor([weight], foreach=False),
        "torch-foreach": lambda: torch.optim.Adafactor([weight], foreach=True),
        "transformers": lambda: transformers.Adafactor([weight]),
    }
    optimizers = {}
    print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__}), flush=True)
    for line in sys.stdin:
        name, iterations = line.split()
        try:
            if name not in optimizers:
                optimizers[name] = makers[name]()
            answer = {"times": steps(optimizers[name], int(iterations), place)}
        except (RuntimeError, ValueError, TypeError) as error:
            answer = {"error": " ".join(str(error).split())}
        print(json.dumps(answer), flush=True)


def steps(optimizer, iterations, place):
    # A GPU works on while the host goes on.
    finish = torch.cuda.synchronize if place == "cuda" else lambda: None
    optimizer.step()
    finish()
    times = []
    for _ in range(iterations):
        start = time.perf_counter()
        optimizer.step()
        finish()
        times.append(1e3 * (time.perf_counter() - start))
    return times


main()
