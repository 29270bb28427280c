"""Writes images/: PNG and JPEG files, and what Pillow makes of them, read as RGB and resized.

Usage: python generate_images.py [--check]
"""

import base64
import io
import json
import pathlib
import sys

import numpy
import PIL
from PIL import Image

FOLDER = pathlib.Path(__file__).parent / "images"
FILTERS = {"lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
SIZES = [[16, 16], [9, 31], [50, 40], [37, 11]]


def picture(width, height, channels):
    """Waves with edges, and some noise."""
    y, x, c = numpy.mgrid[0:height, 0:width, 0:channels].astype(float)
    waves = 128 + 80 * numpy.sin(x / (3 + c) + c) * numpy.cos(y / 4 - c) + 60 * ((x > y) - 0.5)
    noise = numpy.random.default_rng(1).integers(-20, 20, waves.shape)
    return numpy.clip(waves + noise, 0, 255).astype(numpy.uint8)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def files():
    rgb = Image.fromarray(picture(37, 23, 3))
    smooth = Image.fromarray(picture(48, 40, 3)).resize((96, 80), 2)
    return {
        "rgb.png": saved(rgb, format="PNG"),
        "grey.png": saved(Image.fromarray(picture(16, 50, 1)[:, :, 0]), format="PNG"),
        "rgba.png": saved(Image.fromarray(picture(20, 20, 4)), format="PNG"),
        "palette.png": saved(rgb.quantize(16), format="PNG"),
        "halved_colours.jpg": saved(smooth, format="JPEG", quality=90, subsampling=2),
        "full_colours.jpg": saved(smooth, format="JPEG", quality=95, subsampling=0, progressive=True),
        "grey.jpg": saved(smooth.convert("L"), format="JPEG", quality=90),
    }


def packed(image):
    return base64.b64encode(numpy.asarray(image).tobytes()).decode()


def expected(name, data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    resized = {}
    if name == "rgb.png":
        for filter_name, number in FILTERS.items():
            for width, height in SIZES:
                key = f"{filter_name} {width} {height}"
                resized[key] = packed(image.resize((width, height), number))
    return {"width": image.width, "height": image.height, "data": packed(image), "resized": resized}


def main():
    check = "--check" in sys.argv
    results = {"origin": f"Pillow {PIL.__version__}"}
    for name, data in files().items():
        path = FOLDER / name
        if check:
            data = path.read_bytes()
        else:
            path.write_bytes(data)
        results[name] = expected(name, data)
    path = FOLDER / "expected.json"
    if not check:
        path.write_text(json.dumps(results) + "\n")
        return
    old = json.loads(path.read_text())
    differ = [name for name in old if name != "origin" and old[name] != results[name]]
    print(f"{len(differ)} of {len(old) - 1} files differ {differ}")


main()
