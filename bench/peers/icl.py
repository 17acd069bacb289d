"""A Looped Transformer's training step on prompts in PyTorch: what gyre's step is timed against.

Written from the paper's description, and tuned as a good PyTorch user would: fused causal attention, fused Adam, loops
before the window under no_grad, positions added to the embedding once. `--case FILE` compares it with a case file.

    python icl.py --config '{"width":64,"heads":4,"loops":12,"window":6,"batch":64,"points":11,"dims":5}' --threads 2

Then one line on stdin asks for one JSON line on stdout: "step N", "version"; "quit" ends.
"""

import argparse
import json
import math

import torch
import torch.nn.functional as F
from torch import nn

from lines import serve, timed, version


class Block(nn.Module):
    def __init__(self, width, heads, activation):
        super().__init__()
        self.heads, self.activation = heads, activation
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.attn["c_attn"](self.ln_1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn["c_proj"](mixed.transpose(1, 2).reshape(batch, tokens, width))
        hidden = F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate=self.activation)
        return x + self.mlp["c_proj"](hidden)


class Looped(nn.Module):
    """z <- f(z + x) from zeros, with positions and a final norm inside every loop."""

    def __init__(self, width, heads, dims, positions, layers=1, activation="none"):
        super().__init__()
        blocks = nn.ModuleList(Block(width, heads, activation) for _ in range(layers))
        parts = {"wpe": nn.Embedding(positions, width), "h": blocks, "ln_f": nn.LayerNorm(width)}
        self._backbone = nn.ModuleDict({"transformer": nn.ModuleDict(parts)})
        for name, weight in self._backbone.named_parameters():
            if weight.dim() == 2:
                scale = math.sqrt(2 * layers) if name.endswith("c_proj.weight") else 1
                nn.init.normal_(weight, std=0.02 / scale)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)
        self._read_in, self._read_out = nn.Linear(dims, width), nn.Linear(width, 1)

    def forward(self, prompts, loops, window):
        """prompts [batch, tokens, dims] -> predictions [batch, points] after each loop of the window."""
        parts = self._backbone["transformer"]
        entered = self._read_in(prompts) + parts["wpe"].weight[: prompts.shape[1]]
        state, predictions = None, []
        for loop in range(loops):
            with torch.set_grad_enabled(torch.is_grad_enabled() and loop >= loops - window):
                x = entered if state is None else state + entered
                for block in parts["h"]:
                    x = block(x)
                state = parts["ln_f"](x)
            if loop >= loops - window:
                predictions.append(self._read_out(state[:, 0::2]).squeeze(-1))
        return predictions


def interleave(xs, ys):
    """[batch, n, d] and [batch, n] -> x_1, (y_1, 0, ...), x_2, ...: [batch, 2n, d]."""
    wide = F.pad(ys.unsqueeze(-1), (0, xs.shape[-1] - 1))
    return torch.stack((xs, wide), dim=2).flatten(1, 2)


def loss_of(predictions, ys):
    return torch.stack([F.mse_loss(prediction, ys) for prediction in predictions]).mean()


class Trainer:
    def __init__(self, config):
        torch.manual_seed(1)
        batch, points, dims = config["batch"], config["points"], config["dims"]
        self.loops, self.window = config["loops"], config["window"]
        self.model = Looped(config["width"], config["heads"], dims, 2 * points + 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        xs, w = torch.randn(batch, points, dims), torch.randn(batch, dims, 1)
        self.ys = (xs @ w).squeeze(-1)
        self.prompts = interleave(xs, self.ys)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.model(self.prompts, self.loops, self.window), self.ys)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def answer(config):
    trainers = []

    def steps(count):
        if not trainers:
            trainers.append(Trainer(config))
        return timed(trainers[0].step, int(count))

    serve({"step": steps, "version": version})


def check(path):
    """Loss and predictions of a case file that stores every parameter; prints the largest differences."""
    from safetensors import safe_open

    with safe_open(path, "pt") as case:
        meta = case.metadata()
        tensors = {name: case.get_tensor(name) for name in case.keys()}
    config = json.loads(meta["config"])
    weights = {name[6:]: value for name, value in tensors.items() if name.startswith("param/")}
    positions = weights["_backbone.transformer.wpe.weight"].shape[0]
    model = Looped(config["n_embd"], config["n_head"], config["n_dims"], positions, config["n_layer"], "tanh")
    print(model.load_state_dict(weights, strict=False))
    loops, start = int(meta["n_loops"]), int(meta["n_loop_start"])
    predictions = model(interleave(tensors["xs"], tensors["ys"]), loops, loops - start)
    for index, prediction in enumerate(predictions):
        gap = (prediction - tensors[f"out/pred_{start + 1 + index}"]).abs().max()
        print(f"pred_{start + 1 + index} {gap:.2e}")
    print(f"loss {loss_of(predictions, tensors['ys']) - tensors['out/loss']:.2e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A training step on prompts in PyTorch, driven by lines on stdin.")
    parser.add_argument("--config", default="{}", help="JSON: width heads loops window batch points dims")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--case", help="compare with a case file and end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    check(options.case) if options.case else answer(json.loads(options.config))
