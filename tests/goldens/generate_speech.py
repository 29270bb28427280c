"""Writes speech/expected.json: log-mel features of signals by transformers' WhisperFeatureExtractor, and samples of WAV files.

Usage: python generate_speech.py [--check]

A signal of n samples is x_t = 0.5 sin(2 pi 440 t / 16000) + 0.3 sin(0.05 t + 2e-7 t^2) (t / n) + noise_t, where noise_t is
0.1 (s_t / 2^32 - 0.5) of s_0 = 1, s_(t+1) = 1664525 s_t + 1013904223 mod 2^32; rounded to f32.
"""

import base64
import io
import json
import pathlib
import sys
import wave

import numpy
import transformers
from scipy.io import wavfile
from transformers import WhisperFeatureExtractor

FILE = pathlib.Path(__file__).parent / "speech" / "expected.json"
CASES = [
    {"settings": {}, "samples": 52345, "stride": 97},
    {"settings": {"feature_size": 128}, "samples": 500000, "stride": 131},
    {"settings": {"chunk_length": 1}, "samples": 16000, "stride": 1},
    {"settings": {"chunk_length": 1, "feature_size": 128, "padding_value": 0.01}, "samples": 7001, "stride": 3},
    {"settings": {"chunk_length": 1, "feature_size": 20, "n_fft": 255, "hop_length": 117}, "samples": 20000, "stride": 1},
    {"settings": {"chunk_length": 2, "sampling_rate": 8000, "n_fft": 128, "hop_length": 80}, "samples": 9000, "stride": 1},
]


def signal(n):
    noise = numpy.empty(n)
    state = 1
    for t in range(n):
        noise[t] = 0.1 * (state / 2**32 - 0.5)
        state = (1664525 * state + 1013904223) % 2**32
    t = numpy.arange(n)
    wave = 0.5 * numpy.sin(2 * numpy.pi * 440 * t / 16000) + 0.3 * numpy.sin(0.05 * t + 2e-7 * t**2) * (t / n)
    return (wave + noise).astype(numpy.float32)


def features(case):
    extractor = WhisperFeatureExtractor(**case["settings"])
    found = extractor(signal(case["samples"]), sampling_rate=extractor.sampling_rate, return_tensors="np")
    values = found["input_features"][0]
    kept = values.flatten()[:: case["stride"]].astype("<f4")
    return {**case, "shape": list(values.shape), "features": base64.b64encode(kept.tobytes()).decode()}


def recordings():
    """Two channels of 40 samples in every format: the file, and the mean of what scipy reads."""
    random = numpy.random.default_rng(1)
    sound = random.uniform(-1, 1, (40, 2))
    for name, dtype, scale in [
        ("PCM of 8 bits", numpy.uint8, 2**7),
        ("PCM of 16 bits", numpy.int16, 2**15),
        ("PCM of 32 bits", numpy.int32, 2**31),
        ("floats of 32 bits", numpy.float32, 1),
        ("floats of 64 bits", numpy.float64, 1),
    ]:
        offset = 128 if dtype is numpy.uint8 else 0
        whole = sound if scale == 1 else numpy.floor(sound * scale) + offset
        file = io.BytesIO()
        wavfile.write(file, 16000, whole.astype(dtype))
        yield name, file.getvalue(), scale, offset
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(3)
        writer.setframerate(16000)
        whole = numpy.floor(sound * 2**23).astype("<i4")
        writer.writeframes(whole.view(numpy.uint8).reshape(-1, 4)[:, :3].tobytes())
    # scipy reads 24 bits as the upper ones of 32.
    yield "PCM of 24 bits", file.getvalue(), 2**31, 0


def samples(content, scale, offset):
    rate, read = wavfile.read(io.BytesIO(content))
    mean = ((read.astype(numpy.float64) - offset) / scale).mean(axis=1)
    return {"rate": rate, "samples": mean.astype(numpy.float32).tolist()}


expected = {
    "origin": f"transformers {transformers.__version__}",
    "features": [features(case) for case in CASES],
    "recordings": {
        name: {"file": base64.b64encode(content).decode(), **samples(content, scale, offset)}
        for name, content, scale, offset in recordings()
    },
}
if "--check" in sys.argv:
    stored = json.loads(FILE.read_text())
    assert stored["recordings"] == expected["recordings"]
    decode = lambda each: numpy.frombuffer(base64.b64decode(each["features"]), "<f4")
    print("largest difference", max(
        numpy.abs(decode(a) - decode(b)).max() for a, b in zip(stored["features"], expected["features"], strict=True)
    ))
else:
    FILE.write_text(json.dumps(expected, indent=1) + "\n")
