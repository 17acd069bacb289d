"""The word problem of S3 in PyTorch: a LoopFormer's training on state tracking, as our trainer does it and apart from it.

The model is that of `loopformer.py` with a head of its own. `--case FILE` starts from our weights and takes our batches and
trajectories, and prints both losses step by step; without it, start, problems and trajectories are drawn here.

    python words.py --seed 1 --steps 3000
    python words.py --case case.json
"""

import argparse
import base64
import json
import math
import random

import torch
import torch.nn.functional as F
from torch import nn

from loopformer import LoopFormer, cross_entropy, make_optimizer

LOOPS, LENGTH, ELEMENTS = 8, 24, 6
PERMUTATIONS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
PRODUCTS = torch.tensor(
    [[PERMUTATIONS.index(tuple(b[i] for i in a)) for b in PERMUTATIONS] for a in PERMUTATIONS]
)


class Untied(LoopFormer):
    """A LoopFormer whose head has weights of its own, N(0, 0.02) as all others."""

    def __init__(self, vocab, **sizes):
        super().__init__(vocab=vocab, **sizes)
        self.lm_head = nn.Linear(self.width, vocab, bias=False)
        self._init(self.lm_head)

    def forward(self, tokens, trajectory):
        _, hidden = super().forward(tokens, trajectory)
        return self.lm_head(hidden), hidden


def problems(count, generator):
    """Elements of S3 [count, 24], drawn uniformly, and the products of all so far."""
    tokens = torch.randint(ELEMENTS, (count, LENGTH), generator=generator)
    targets = tokens.clone()
    for at in range(1, LENGTH):
        targets[:, at] = PRODUCTS[targets[:, at - 1], tokens[:, at]]
    return tokens, targets


def short_trajectory(draw):
    """The official sampler: each step uniform over what leaves 1/L for every later one."""
    steps, rest, units = draw.randint(1, LOOPS - 1), LOOPS, []
    for later in reversed(range(steps)):
        units.append(draw.randint(1, rest - later) if later else rest)
        rest -= units[-1]
    return [unit / LOOPS for unit in units]


def rate(step, steps, peak=2e-3, floor=1e-4, warmup=200):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return floor + 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * (peak - floor)


def losses(model, tokens, targets, short, loops=LOOPS):
    """The objective and its three parts: the long run's cross-entropy, the short run's, and their states' distance."""
    logits, hidden = model(tokens, [1 / loops] * loops)
    quick, state = model(tokens, short)
    parts = [cross_entropy(logits, targets), cross_entropy(quick, targets), F.mse_loss(state, hidden.detach())]
    return parts[0] + 0.1 * parts[1] + 0.1 * parts[2], parts


def step(model, optimizer, tokens, targets, short, learning_rate, loops=LOOPS):
    """One optimizer step; the loss before it, in its three parts."""
    loss, parts = losses(model, tokens, targets, short, loops)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    return [part.item() for part in parts]


def accuracies(model, budgets, count=1000, offset=0):
    """Right answers by position, at every number of loops; ids of elements begin at `offset`."""
    length = model.transformer["wpe"].num_embeddings
    drawn = problems(count, torch.Generator().manual_seed(12345))
    tokens, targets = (ids[:, :length] + offset for ids in drawn)
    with torch.no_grad():
        return {m: (model(tokens, [1 / m] * m)[0].argmax(-1) == targets).float().mean(0) for m in budgets}


def follow(path):
    """Our own start, batches and trajectories: both losses at every step."""
    with open(path) as file:
        case = json.load(file)
    model = Untied(**case["sizes"])
    weights = {
        name: torch.frombuffer(bytearray(base64.b64decode(data)), dtype=torch.float32).reshape(shape)
        for name, (shape, data) in case["weights"].items()
    }
    model.load_state_dict(weights)
    optimizer = make_optimizer(model, weight_decay=case["weightDecay"])
    worst = 0
    for at, batch in enumerate(case["steps"]):
        tokens, targets = (torch.tensor(batch[name]).reshape(-1, LENGTH) for name in ("tokens", "targets"))
        got = step(model, optimizer, tokens, targets, batch["short"], rate(at, case["totalSteps"]))
        gap = max(abs(a - b) for a, b in zip(got, batch["parts"]))
        worst = max(worst, gap)
        if at % 20 == 0 or at + 1 == len(case["steps"]):
            print(at + 1, "torch", [f"{x:.6f}" for x in got], "ours", [f"{x:.6f}" for x in batch["parts"]], f"{gap:.1e}")
    print(f"largest difference of any part in {len(case['steps'])} steps: {worst:.2e}")


def read_model(folder):
    """A model of ours as `gyre export` writes it."""
    with open(f"{folder}/config.json") as file:
        config = json.load(file)
    with open(f"{folder}/model.safetensors", "rb") as file:
        data = file.read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    weights = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        own = torch.frombuffer(bytearray(data[start + first : start + last]), dtype=torch.float32)
        weights[name.removeprefix("gpt.")] = own.reshape(entry["shape"])
    sizes = {"width": "n_embd", "heads": "n_head", "mlp": "intermediate_dim", "layers": "n_layer", "vocab": "vocab_size"}
    model = Untied(context=config["block_size"], **{own: config[name] for own, name in sizes.items()})
    model.load_state_dict(weights)
    return model


def show(model, offset=0):
    shares = accuracies(model, [1, 2, 3, 4, 6, 8, 12], offset=offset)
    print({loops: round(share.mean().item(), 3) for loops, share in shares.items()})


def train(args):
    torch.manual_seed(args.seed)
    model = Untied(vocab=ELEMENTS, width=64, heads=4, mlp=256, layers=1, context=LENGTH)
    if args.residual == "plain":
        for name, weight in model.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, std=0.02)
    optimizer = make_optimizer(model, weight_decay=0.05)
    if args.decay == "all":
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.05
    generator, draw = torch.Generator().manual_seed(args.seed), random.Random(args.seed)
    for at in range(args.steps):
        parts = step(model, optimizer, *problems(64, generator), short_trajectory(draw), rate(at, args.steps))
        if at % 250 == 249:
            print(at + 1, [round(part, 4) for part in parts], flush=True)
    show(model)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="LoopFormer on words of S3 in PyTorch.")
    parser.add_argument("--case", help="a file of our start, batches and losses")
    parser.add_argument("--model", help="an exported model of ours, whose right answers are counted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--residual", choices=["scaled", "plain"], default="scaled")
    parser.add_argument("--decay", choices=["matrices", "all"], default="matrices")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.case:
        follow(options.case)
    elif options.model:
        show(read_model(options.model), offset=1)  # 0 fills rows in ours
    else:
        train(options)
