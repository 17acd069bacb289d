"""Training beside gyre, step by step: its start, its batches, its trajectories and rates, and our own PyTorch arithmetic.

`start {...}` makes the model of `loopformer.py` from weights in base64, `step {...}` makes one optimizer step, and answers with the parts
of the loss before it.
"""

import base64
import json

import torch

from lines import serve, version
from loopformer import LoopFormer, make_optimizer
from words import step

torch.set_num_threads(1)
state = {}


def floats(data):
    return torch.frombuffer(bytearray(base64.b64decode(data)), dtype=torch.float32)


def start(line):
    case = json.loads(line)
    model = LoopFormer(**case["sizes"])
    model.load_state_dict({name: floats(data).reshape(shape) for name, (shape, data) in case["weights"].items()})
    optimizer = make_optimizer(model, weight_decay=case["weightDecay"], betas=case["betas"])
    state.update(model=model, optimizer=optimizer, loops=case["loops"], is_reversed=case["isReversed"])
    return {}


def one_step(line):
    batch = json.loads(line)
    tokens, targets = (torch.tensor(batch[name]).reshape(batch["shape"]) for name in ("tokens", "targets"))
    if state["is_reversed"]:  # the same mathematics, summed in another order
        tokens, targets = tokens.flip(0), targets.flip(0)
    parts = step(state["model"], state["optimizer"], tokens, targets, batch["short"], batch["rate"], state["loops"])
    return {"parts": parts}


serve({"start": start, "step": one_step, "version": version})
