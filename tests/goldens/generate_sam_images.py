"""Writes images/sam.json: what SamProcessor of transformers makes of two images, of prompts and of masks.

    pip install torch==2.13.0 transformers==5.24.0 pillow==12.3.0
    python generate_sam_images.py [--check]
"""

import base64
import json
import pathlib
import sys

import numpy
import torch
import transformers
from PIL import Image
from transformers import SamProcessor
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

FOLDER = pathlib.Path(__file__).parent / "images"
SIDE, LOW = 24, 8


def packed(numbers):
    return base64.b64encode(numpy.ascontiguousarray(numbers, dtype="<f4").tobytes()).decode()


def expected(name):
    image = Image.open(FOLDER / name).convert("RGB")
    processor = SamProcessor(
        SamImageProcessorPil(
            size={"longest_edge": SIDE},
            pad_size={"height": SIDE, "width": SIDE},
            mask_size={"longest_edge": LOW},
            mask_pad_size={"height": LOW, "width": LOW},
        )
    )
    y, x = numpy.mgrid[0 : image.height, 0 : image.width]
    mask = ((x // 5 + y // 3) % 2).astype(numpy.uint8)
    made = processor(
        images=image,
        segmentation_maps=mask,
        input_points=[[[[3.5, 7], [12, 20.25]]]],
        input_boxes=[[[1, 2, 14.5, 19]]],
        return_tensors="pt",
    )
    random = torch.Generator().manual_seed(1)
    low = torch.randn((1, 1, 1, LOW, LOW), generator=random)
    sizes = (made["original_sizes"], made["reshaped_input_sizes"])
    options = {"pad_size": {"height": SIDE, "width": SIDE}}
    (logits,) = processor.post_process_masks(low, *sizes, binarize=False, **options)
    (binary,) = processor.post_process_masks(low, *sizes, **options)
    return {
        "pixels": packed(made["pixel_values"]),
        "points": made["input_points"].flatten().tolist(),
        "boxes": made["input_boxes"].flatten().tolist(),
        "target": made["labels"].flatten().tolist(),
        "low": packed(low),
        "logits": packed(logits),
        "binary": binary.flatten().int().tolist(),
    }


def main():
    results = {"origin": f"transformers {transformers.__version__}", "side": SIDE, "low": LOW}
    results |= {name: expected(name) for name in ("rgb.png", "grey.png")}
    path = FOLDER / "sam.json"
    if "--check" in sys.argv:
        print("equal" if json.loads(path.read_text()) == results else "different")
        return
    path.write_text(json.dumps(results) + "\n")


main()
