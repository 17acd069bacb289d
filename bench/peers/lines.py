"""What every peer does: it answers lines on stdin with one line of JSON each, and times its own steps."""

import json
import math
import sys
import time

import torch


def serve(requests):
    """Answers "NAME ARGUMENTS..." by requests[NAME](*ARGUMENTS), until "quit" or the end of stdin."""
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] == "quit":
            return
        name, *arguments = words
        if name in requests:
            answer = requests[name](*arguments)
        else:
            answer = {"error": f"unknown request {name!r}: {', '.join(requests)} or quit"}
        print(json.dumps(answer), flush=True)


def timed(step, count):
    """Runs `step` so often: milliseconds of each, and the last loss."""
    elapsed, loss = [], math.nan
    for _ in range(count):
        start = time.perf_counter()
        loss = step()
        elapsed.append((time.perf_counter() - start) * 1e3)
    return {"ms": elapsed, "loss": loss}


def version():
    return {"version": torch.__version__, "threads": torch.get_num_threads()}
