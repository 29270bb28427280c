"""Loads adapters that saveLora() wrote with PEFT, and writes the logits of goldens' inputs, a line of JSON each.

    python logits_with_peft.py BASE ADAPTER EXPECTED.safetensors [BASE ADAPTER EXPECTED.safetensors ...]
"""

import json
import sys

import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()


def logits(base, adapter, expected):
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).eval()
    inputs = load_file(expected)
    with torch.no_grad():
        return model(
            input_ids=inputs["input.input_ids"],
            attention_mask=inputs["input.attention_mask"],
        ).logits


arguments = sys.argv[1:]
for base, adapter, expected in zip(arguments[::3], arguments[1::3], arguments[2::3]):
    print(json.dumps(logits(base, adapter, expected).flatten().tolist()))
