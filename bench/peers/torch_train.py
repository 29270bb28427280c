"""PyTorch beside ours: the same products and, eagerly, the same training.

    torch_train.py <host of the benchmark> <port> <token> <job, as JSON>

Speaks the lines of bench/train/request.ts. The model is transformers' GPT-2 with the weights of the job's folder, the
optimizer transformers' Adafactor with the settings of ours, so that losses agree step by step.
"""

import json
import os
import socket
import sys
import time

import torch
import transformers


def main():
    host, port, token, job = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
    torch.set_num_threads(job["threads"])
    training = Training(job) if "shape" in job else None
    with socket.create_connection((host, port)) as connection:
        lines = connection.makefile("rw")
        say(lines, f"rank 0 {token}")
        for line in lines:
            request = json.loads(line)
            try:
                answer = training.run(request["count"]) if request["do"] == "steps" else multiply(request)
            except RuntimeError as error:
                answer = {"error": " ".join(str(error).split())}
            say(lines, json.dumps(answer))


def say(lines, text):
    lines.write(text + "\n")
    lines.flush()


def multiply(request):
    a = torch.rand(request["m"], request["k"]) - 0.5
    b = torch.rand(request["k"], request["n"]) - 0.5
    out = torch.empty(request["m"], request["n"])
    milliseconds = []
    for call in range(request["calls"] + 1):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        if call > 0:
            milliseconds.append(1e3 * (time.perf_counter() - start))
    return {"milliseconds": milliseconds}


class Training:
    def __init__(self, job):
        shape = job["shape"]
        self.model = transformers.GPT2LMHeadModel.from_pretrained(job["folder"])
        self.model.train()
        self.optimizer = transformers.Adafactor(
            self.model.parameters(), lr=1e-3, scale_parameter=False, relative_step=False
        )
        text = torch.tensor([token_at(i, shape["vocabulary"]) for i in range(shape["batch"] * (shape["context"] + 1))])
        windows = text.reshape(shape["batch"], shape["context"] + 1)
        self.tokens, self.targets = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()

    def run(self, count):
        steps, losses = [], []
        for _ in range(count):
            start = time.perf_counter()
            logits = self.model(self.tokens, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), self.targets.flatten())
            forward = time.perf_counter()
            loss.backward()
            backward = time.perf_counter()
            self.optimizer.step()
            self.optimizer.zero_grad()
            end = time.perf_counter()
            losses.append(loss.item())
            parts = {"whole": end - start, "forward": forward - start, "backward": backward - forward, "update": end - backward}
            steps.append({name: 1e3 * seconds for name, seconds in parts.items()})
        return {"steps": steps, "losses": losses, "pid": os.getpid()}


def token_at(index, vocabulary):
    return (7919 * index + (index * index) % 251) % vocabulary


if __name__ == "__main__":
    main()
