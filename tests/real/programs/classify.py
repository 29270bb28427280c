"""Classifies texts by transformers' pipeline: classify.py <folder> <json list of texts>; prints a JSON list of labels."""

import json
import sys

from transformers import pipeline

folder, texts = sys.argv[1], json.loads(sys.argv[2])
classify = pipeline("text-classification", model=folder, tokenizer=folder)
print(json.dumps([each["label"] for each in classify(texts)]))
