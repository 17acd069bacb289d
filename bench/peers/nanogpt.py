"""nanoGPT's recipe for CPUs in PyTorch, on a dataset that `gyre prepare` wrote: what recipes/nanogpt-cpu.json is held against.

A plain transformer with tied embeddings, dropout 0. `--norm rms` is gyre's `gpt`; `--norm layer` is nanoGPT's LayerNorm without bias.
The loss is that of the whole validation part in windows of the context, as `gyre eval` measures it.

    python nanogpt.py --data data/million --seed 1
"""

import argparse
import json
import math
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from loopformer import EPS, Attention, Mlp, cross_entropy, make_optimizer

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, STEPS = 4, 4, 128, 64, 12, 2000
PEAK, FLOOR, WARMUP, DECAY, BETAS = 1e-3, 1e-4, 100, 0.1, (0.9, 0.99)


def norm(kind):
    return nn.RMSNorm(WIDTH, eps=EPS) if kind == "rms" else nn.LayerNorm(WIDTH, bias=False)


class Block(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.norms = nn.ModuleList([norm(kind), norm(kind)])
        self.attention, self.mlp = Attention(WIDTH, HEADS), Mlp(WIDTH, 4 * WIDTH)

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.mlp(self.norms[1](x))


class Gpt(nn.Module):
    def __init__(self, vocab, kind):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block(kind) for _ in range(LAYERS)))
        self.norm = norm(kind)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if "c_proj" in name else 0.02)

    def forward(self, tokens):
        x = self.blocks(self.tokens(tokens) + self.positions.weight[: tokens.shape[1]])
        return F.linear(self.norm(x), self.tokens.weight)


def rate(step):
    if step < WARMUP:
        return PEAK * (step + 1) / (WARMUP + 1)
    return FLOOR + 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) * (PEAK - FLOOR)


def validation_loss(model, text):
    """Nats a token over all whole windows."""
    count = (len(text) - 1) // CONTEXT
    tokens, targets = text[: count * CONTEXT].view(count, CONTEXT), text[1 : count * CONTEXT + 1].view(count, CONTEXT)
    with torch.no_grad():
        pairs = list(zip(tokens.split(64), targets.split(64)))
        return sum(cross_entropy(model(x), y).item() * len(x) for x, y in pairs) / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--norm", choices=["rms", "layer"], default="rms")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    with open(f"{options.data}/manifest.json") as file:
        vocab = json.load(file)["tokenizer"]["vocab"]
    read = lambda part: torch.from_numpy(numpy.fromfile(f"{options.data}/{part}.bin", "<u2").astype(numpy.int64))
    train, validation = read("train"), read("validation")
    model = Gpt(vocab, options.norm)
    optimizer = make_optimizer(model, weight_decay=DECAY, betas=BETAS)
    begun = time.time()
    for step in range(STEPS):
        starts = torch.randint(len(train) - CONTEXT, (BATCH,))
        windows = torch.stack([train[start : start + CONTEXT + 1] for start in starts])
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(model(windows[:, :-1]), windows[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
    seconds = round(time.time() - begun)
    sizes = sum(weight.numel() for weight in model.parameters())
    print(json.dumps({"norm": options.norm, "seed": options.seed, "parameters": sizes, "seconds": seconds, "loss": round(validation_loss(model, validation), 4)}))


if __name__ == "__main__":
    main()
