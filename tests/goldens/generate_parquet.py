"""Writes parquet/: small files as pyarrow writes them, with each compression, nested lists and missing values.

Usage: python generate_parquet.py
"""

import pathlib

import pyarrow
import pyarrow.parquet

FOLDER = pathlib.Path(__file__).parent / "parquet"

FILES = {
    "messages_gzip": [
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hellö"}]},
        {"messages": [{"role": "user", "content": "A"}]},
    ],
    "labels_brotli": [
        {"text": "a", "labels": ["x", "y"], "score": 1.5},
        {"text": "b", "labels": [], "score": 2.0},
    ],
    "tags_snappy": [{"tokens": ["a", "b"], "ner_tags": [0, 3]}, {"tokens": ["c"], "ner_tags": [1]}],
    "pairs_zstd": [{"sentence1": "a", "sentence2": "b", "label": k / 4} for k in range(5)],
    "texts_lz4": [{"id": k, "text": f"text {k % 2} 🦀"} for k in range(5)],
    "missing_none": [{"prompt": "a", "completion": "b"}, {"prompt": None, "completion": "c"}],
}


def main():
    for name, rows in FILES.items():
        table = pyarrow.Table.from_pylist(rows)
        compression = name.split("_")[1]
        path = FOLDER / f"{name}.parquet"
        pyarrow.parquet.write_table(table, path, compression=compression, row_group_size=3)


main()
