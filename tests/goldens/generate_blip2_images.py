"""Writes images/blip2.json: what BlipImageProcessor and Blip2Processor of transformers make of images and a text.

    pip install torch==2.13.0 transformers==5.24.0 pillow==12.3.0
    python generate_blip2_images.py [--check]
"""

import base64
import json
import pathlib
import sys

import numpy
import PIL
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import Blip2Processor, PreTrainedTokenizerFast
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

FOLDER = pathlib.Path(__file__).parent / "images"
SIZES = {"rgb.png": 16, "grey.png": 24, "rgba.png": 20}
TEXT, QUERIES = "a cat on a mat", 3


def tokenizer():
    """Words, with a token before each text as that of OPT."""
    words = ["<s>", "</s>", "<pad>", "<unk>", *sorted(set(TEXT.split())), "<image>"]
    made = Tokenizer(models.WordLevel({word: id for id, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<s>", "</s>", "<pad>", "<image>"])
    made.post_processor = processors.TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", 1)]
    )
    return made


def expected():
    images = {}
    for name, side in SIZES.items():
        processor = BlipImageProcessorPil(size={"height": side, "width": side})
        made = processor(images=Image.open(FOLDER / name), return_tensors="np")["pixel_values"]
        images[name] = {
            "side": side,
            "pixels": base64.b64encode(numpy.ascontiguousarray(made, dtype="<f4").tobytes()).decode(),
        }
    words = tokenizer()
    fast = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>")
    processor = Blip2Processor(BlipImageProcessorPil(), fast, num_query_tokens=QUERIES)
    image = Image.open(FOLDER / "rgb.png")
    tokens = processor(images=image, text=TEXT)["input_ids"][0]
    return {
        "origin": f"transformers {transformers.__version__}, Pillow {PIL.__version__}",
        "images": images,
        "tokenizer": json.loads(words.to_str()),
        "text": TEXT,
        "queries": QUERIES,
        "tokens": tokens,
    }


def main():
    path = FOLDER / "blip2.json"
    made = expected()
    if "--check" not in sys.argv:
        path.write_text(json.dumps(made) + "\n")
        return
    stored = json.loads(path.read_text())
    print("the same" if {**stored, "origin": ""} == {**made, "origin": ""} else "different")


main()
