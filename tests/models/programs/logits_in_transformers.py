"""Loads folders that savePretrained() wrote with transformers, and writes the logits of goldens' inputs, a line of JSON each.

    python logits_in_transformers.py FOLDER EXPECTED.safetensors [FOLDER EXPECTED.safetensors ...]

Fails if transformers misses a parameter in the files, or finds one too many or of another shape.
"""

import json
import sys

import torch
import transformers
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()


def logits(folder, expected):
    config = transformers.AutoConfig.from_pretrained(folder)
    architecture = getattr(transformers, config.architectures[0])
    # Falcon's eager attention adds ALiBi twice.
    attention = "sdpa" if getattr(config, "alibi", False) else "eager"
    model, loading = architecture.from_pretrained(
        folder, output_loading_info=True, dtype=torch.float32, attn_implementation=attention
    )
    found = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    if found:
        sys.exit(f"transformers does not find in {folder} what it wants: {found}")
    inputs = {
        name.removeprefix("input."): tensor
        for name, tensor in load_file(expected).items()
        if name.startswith("input.") and not name.startswith("input.target_")
    }
    with torch.no_grad():
        output = model.eval()(**inputs)
    return output.pred_masks if "pred_masks" in output else output.logits


for folder, expected in zip(sys.argv[1::2], sys.argv[2::2]):
    print(json.dumps(logits(folder, expected).flatten().tolist()))
