"""Loads models that were trained here as users of transformers do: load_trained.py FOLDER TEXT

FOLDER has a folder for each of texts, words, images, t5 and chat. Prints JSON: what pipelines and generate() give for the text.
"""

import json
import sys

from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    pipeline,
)

folder, text = sys.argv[1], sys.argv[2]
texts = pipeline("text-classification", model=f"{folder}/texts", top_k=None)
words = pipeline("token-classification", model=f"{folder}/words", aggregation_strategy="none")
masked = AutoModelForMaskedLM.from_pretrained(f"{folder}/masked")
mask = AutoTokenizer.from_pretrained(f"{folder}/masked").mask_token
fill = pipeline("fill-mask", model=f"{folder}/masked", top_k=1)
images = AutoModelForImageClassification.from_pretrained(f"{folder}/images")

t5 = AutoModelForSeq2SeqLM.from_pretrained(f"{folder}/t5")
t5_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/t5")
source = t5_tokenizer(text, return_tensors="pt")
source["input_ids"] = source["input_ids"].clone()
end = t5.config.eos_token_id
if source["input_ids"][0, -1] != end:
    import torch

    tail = torch.tensor([[end]])
    source = {"input_ids": torch.cat([source["input_ids"], tail], dim=1)}
written = t5.generate(**source, max_new_tokens=12, do_sample=False, num_beams=1)

chat = AutoModelForCausalLM.from_pretrained(f"{folder}/chat")
chat_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/chat")
messages = [{"role": "user", "content": f"{text}?"}]
prompt = chat_tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = chat.generate(**prompt, max_new_tokens=20, do_sample=False, num_beams=1)

print(
    json.dumps(
        {
            "texts": {each["label"]: each["score"] for each in texts(f"{text} good film")[0]},
            "words": [[each["word"], each["entity"]] for each in words(f"anna in {text}")],
            "masked": [type(masked).__name__, fill(f"anna lives in {mask} .")[0]["token_str"]],
            "images": images.config.id2label,
            "t5": t5_tokenizer.decode(written[0], skip_special_tokens=True),
            "prompt": chat_tokenizer.decode(prompt["input_ids"][0]),
            "chat": chat_tokenizer.decode(
                answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True
            ),
        }
    )
)
