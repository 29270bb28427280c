"""PyTorch beside ours: fine-tunes a checkpoint on one batch.

    torch_finetune.py <job of bench/finetune/contestants.ts, as JSON>
"""

import json
import sys
import time

import torch
import transformers

WARM_UP = 2


def main():
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[job["dtype"]]
    model = transformers.AutoModelForCausalLM.from_pretrained(job["folder"], dtype=dtype)
    model.train()
    if job["optimizer"] == "adamw":
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    else:
        options = {"scale_parameter": False, "relative_step": False}
        optimizer = transformers.Adafactor(model.parameters(), lr=5e-5, **options)
    batch, context = job["batch"], job["context"]
    text = torch.tensor([token_at(k) for k in range(batch * (context + 1))])
    windows = text.reshape(batch, context + 1)
    tokens, targets = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
    milliseconds, losses = [], []
    for step in range(WARM_UP + job["steps"]):
        start = time.perf_counter()
        logits = model(tokens, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        del logits
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step >= WARM_UP:
            milliseconds.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"milliseconds": milliseconds, "losses": losses}), flush=True)
    sys.stdin.read()


def token_at(index):
    return (7919 * index + (index * index) % 251) % 49152


if __name__ == "__main__":
    main()
