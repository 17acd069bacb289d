"""Hugging Face's tokenizers: answers "encode" with the milliseconds of encoding all texts of a file, as encode.py TOKENIZER TEXTS.

RAYON_NUM_THREADS says how many threads take part."""

import json
import sys
import time

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = json.load(file)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    start = time.perf_counter()
    encoded = tokenizer.encode_batch_fast(texts)
    elapsed = (time.perf_counter() - start) * 1e3
    print(json.dumps({"ms": elapsed, "tokens": sum(len(one.ids) for one in encoded)}), flush=True)
