"""Training beside gyre, step by step: its start, its batches, its trajectories and rates, and our own PyTorch arithmetic.

`start {...}` makes the model of `loopformer.py` from weights in base64, in float32 or float64. `step {...}` makes one optimizer
step, and answers with the parts of the loss before it. `errors {...}` computes the gradients of one step from gyre's weights of that
step, in float32 and float64, and answers how far gyre's and PyTorch's float32 ones are from float64's, as a share of their norm.
"""

import base64
import json

import torch

from lines import serve, version
from loopformer import LoopFormer, make_optimizer
from words import losses, step

torch.set_num_threads(1)
state = {}


def floats(data):
    return torch.frombuffer(bytearray(base64.b64decode(data)), dtype=torch.float32)


def model_of(case, dtype):
    model = LoopFormer(**case["sizes"])
    model.load_state_dict({name: floats(data).reshape(shape) for name, (shape, data) in case["weights"].items()})
    return model.to(dtype)


def rows_of(batch):
    return (torch.tensor(batch[name]).reshape(batch["shape"]) for name in ("tokens", "targets"))


def start(line):
    case = json.loads(line)
    model = model_of(case, getattr(torch, case["dtype"]))
    optimizer = make_optimizer(model, weight_decay=case["weightDecay"], betas=case["betas"])
    state.update(model=model, optimizer=optimizer, loops=case["loops"])
    return {}


def one_step(line):
    batch = json.loads(line)
    tokens, targets = rows_of(batch)
    parts = step(state["model"], state["optimizer"], tokens, targets, batch["short"], batch["rate"], state["loops"])
    return {"parts": parts}


def gradients(case, dtype):
    model = model_of(case, dtype)
    tokens, targets = rows_of(case)
    loss, _ = losses(model, tokens, targets, case["short"], case["loops"])
    loss.backward()
    return torch.cat([parameter.grad.double().flatten() for _, parameter in sorted(model.named_parameters())])


def errors(line):
    case = json.loads(line)
    exact = gradients(case, torch.float64)
    gyre = torch.cat([floats(case["gradients"][name]).double() for name in sorted(case["weights"])])
    own = gradients(case, torch.float32)
    return {name: ((each - exact).norm() / exact.norm()).item() for name, each in (("gyre", gyre), ("pytorch", own))}


serve({"start": start, "step": one_step, "errors": errors, "version": version})
