"""Adapters of PEFT for the golden models gpt2 and llama, and the logits with them.

Needs torch, transformers, safetensors and peft:

    python tests/goldens/generate_lora.py

Writes tests/goldens/lora/<model>/: adapter_config.json and adapter_model.safetensors as PEFT saves them, and expected.safetensors with
the logits of the golden model's inputs.
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent

CONFIGS = {
    "gpt2": LoraConfig(r=3, lora_alpha=12, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, lora_dropout=0.1),
    "llama": LoraConfig(r=2, lora_alpha=6, target_modules="all-linear", use_rslora=True),
}

for name, config in CONFIGS.items():
    torch.manual_seed(11)
    base = AutoModelForCausalLM.from_pretrained(HERE / "models" / name, dtype=torch.float32)
    model = get_peft_model(base, config).eval()
    for key, parameter in model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(parameter, std=0.3)
    folder = HERE / "lora" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    written = json.loads((folder / "adapter_config.json").read_text())
    # Neither this machine's paths nor the order of a set.
    written |= {"base_model_name_or_path": name, "target_modules": sorted(written["target_modules"])}
    (folder / "adapter_config.json").write_text(json.dumps(written, indent=2) + "\n")
    inputs = load_file(HERE / "models" / name / "expected.safetensors")
    with torch.no_grad():
        logits = model(
            input_ids=inputs["input.input_ids"],
            attention_mask=inputs["input.attention_mask"],
        ).logits
    save_file({"logits": logits.contiguous()}, folder / "expected.safetensors")
