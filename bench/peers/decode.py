"""Greedy decoding of a LoopFormer in PyTorch with one key/value cache per (loop, layer): what gyre's decoder is timed against.

As a good PyTorch user would write it: inference mode, the cache allocated once and written in place, modulations of the
trajectory computed once, fused norm and attention. The same model as loopformer.py.

    python decode.py --config '{"width":64,...}' --threads 2

Then one line on stdin asks for one JSON line on stdout: "decode PROMPT NEW" (milliseconds per new token, prompt excluded, and
the tokens), "recompute PROMPT NEW" (the same without a cache), "version"; "quit" ends.
"""

import argparse
import json
import time
from functools import partial

import torch
import torch.nn.functional as F

from lines import serve, version
from loopformer import EPS, LoopFormer


class Decoder:
    def __init__(self, model, heads, loops, layers, context):
        self.model, self.heads, self.loops = model, heads, loops
        self.blocks = list(model.transformer["h"]["blocks"])
        head_width = model.width // heads
        self.cache = torch.zeros(loops, layers, 2, heads, context, head_width)
        dt = torch.full((loops,), 1 / loops)
        t = torch.cumsum(dt, 0) - dt
        rows = model.time_embedder(t) + model.dt_embedder(dt)
        self.modulations = []
        for loop in range(loops):
            row = []
            for block in self.blocks:
                gate_msa, gate_mlp, scale_msa, scale_mlp = block.adaLN_modulation(rows[loop]).chunk(4)
                row.append((gate_msa, gate_mlp, 1 + scale_msa, 1 + scale_mlp))
            self.modulations.append(row)

    def forward(self, tokens, start):
        """tokens [length] at positions start.. -> logits of the last one."""
        parts, shape = self.model.transformer, (self.model.width,)
        length = tokens.shape[0]
        end = start + length
        x = parts["wte"](tokens) + parts["wpe"].weight[start:end]
        for loop in range(self.loops):
            for layer, block in enumerate(self.blocks):
                gate_msa, gate_mlp, scale_msa, scale_mlp = self.modulations[loop][layer]
                qkv = block.attn.c_attn(F.rms_norm(x, shape, scale_msa, EPS))
                q, k, v = qkv.view(length, 3, self.heads, -1).permute(1, 2, 0, 3).unbind(0)
                keys, values = self.cache[loop, layer]
                keys[:, start:end] = k
                values[:, start:end] = v
                causal = length > 1
                y = F.scaled_dot_product_attention(
                    q[None], keys[None, :, :end], values[None, :, :end], is_causal=causal
                )
                y = block.attn.c_proj(y[0].transpose(0, 1).reshape(length, -1))
                x = torch.addcmul(x, gate_msa, y)
                x = torch.addcmul(x, gate_mlp, block.mlp(F.rms_norm(x, shape, scale_mlp, EPS)))
        hidden = parts["norm_f"](x[-1:])
        return F.linear(hidden, parts["wte"].weight)[0]


def greedy(decoder, model, prompt, new, cached):
    tokens = list(prompt)
    trajectory = [1 / decoder.loops] * decoder.loops
    if cached:
        logits = decoder.forward(torch.tensor(tokens), 0)
        tokens.append(int(logits.argmax()))
    started = time.perf_counter()
    for _ in range(new):
        if cached:
            logits = decoder.forward(torch.tensor(tokens[-1:]), len(tokens) - 1)
        else:
            logits = model(torch.tensor([tokens]), trajectory)[0][0, -1]
        tokens.append(int(logits.argmax()))
    elapsed = time.perf_counter() - started
    return {"msPerToken": 1000 * elapsed / new, "tokens": tokens}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    config = arguments.config
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    sizes = {name: config[name] for name in ("width", "heads", "mlp", "layers", "vocab", "context")}
    model = LoopFormer(**sizes).eval()
    with torch.inference_mode():
        decoder = Decoder(model, config["heads"], config["loops"], config["layers"], config["context"])

        def write(cached, prompt, new):
            tokens = [(7 * index + 3) % config["vocab"] for index in range(int(prompt))]
            return greedy(decoder, model, tokens, int(new), cached)

        ways = {name: partial(write, name == "decode") for name in ("decode", "recompute")}
        serve({**ways, "version": version})


if __name__ == "__main__":
    main()
