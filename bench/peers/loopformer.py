"""The LoopFormer training step in PyTorch: what gyre's step is timed against.

Written from the paper's description, with the official tensor names, and tuned as a good PyTorch user would: fused
causal attention, fused AdamW, one row of conditioning broadcast over the batch. `check.py` compares it with golden values.

    python loopformer.py --config '{"width":64,...}' --threads 2

Then one line on stdin asks for one JSON line on stdout: "step N", "peak", "sgemm", "version"; "quit" ends.
"""

import argparse
import json
import math
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

from lines import serve, timed, version

EPS = 1.1920929e-7  # float32's machine epsilon
FREQUENCIES = 128


class Embedder(nn.Module):
    """A scalar in [0, 1] -> cosines, then sines, of 128 frequencies -> a two-layer MLP."""

    def __init__(self, width):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        decay = torch.arange(FREQUENCIES, dtype=torch.float32) / FREQUENCIES
        self.register_buffer("omega", torch.exp(-math.log(10000.0) * decay), persistent=False)

    def forward(self, t):
        angle = t[:, None] * self.omega
        return self.mlp(torch.cat([angle.cos(), angle.sin()], dim=-1))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.c_attn(x).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width, mlp):
        super().__init__()
        self.c_fc = nn.Linear(width, mlp, bias=False)
        self.c_proj = nn.Linear(mlp, width, bias=False)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    """A pre-norm block whose norms have no gain of their own: scales and gates come from the conditioning row."""

    def __init__(self, width, heads, mlp):
        super().__init__()
        self.shape = (width,)
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width, mlp)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 4 * width))

    def forward(self, x, modulation):
        gate_msa, gate_mlp, scale_msa, scale_mlp = modulation.chunk(4)
        x = torch.addcmul(x, gate_msa, self.attn(F.rms_norm(x, self.shape, 1 + scale_msa, EPS)))
        return torch.addcmul(x, gate_mlp, self.mlp(F.rms_norm(x, self.shape, 1 + scale_mlp, EPS)))


class LoopFormer(nn.Module):
    """(k layers) x loops, each loop conditioned on the time so far and its step size."""

    def __init__(self, width, heads, mlp, layers, vocab, context):
        super().__init__()
        self.width = width
        blocks = nn.ModuleList(Block(width, heads, mlp) for _ in range(layers))
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab, width),
                "wpe": nn.Embedding(context, width),
                "h": nn.ModuleDict({"blocks": blocks}),
                "norm_f": nn.RMSNorm(width, eps=EPS),
            }
        )
        self.time_embedder = Embedder(width)
        self.dt_embedder = Embedder(width)
        self.apply(self._init)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers))

    def _init(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, tokens, trajectory):
        """tokens [batch, length] -> logits [batch, length, vocab] and the hidden state after the final norm."""
        hidden = self.states(tokens, trajectory)
        return F.linear(hidden, self.transformer["wte"].weight), hidden

    def states(self, tokens, trajectory):
        """tokens [batch, length] -> the hidden state [batch, length, width] after the final norm."""
        parts, blocks = self.transformer, self.transformer["h"]["blocks"]
        rows_type = parts["wte"].weight.dtype
        dt = torch.tensor(trajectory, dtype=torch.float32)
        t = torch.cumsum(dt, 0) - dt
        rows = self.time_embedder(t) + self.dt_embedder(dt)  # [loops, width], the same for every sequence
        # in the parameters' type under autocast too: the norm's fused kernel wants its weight in the input's type
        modulations = [block.adaLN_modulation(rows).to(rows_type).unbind(0) for block in blocks]
        x = parts["wte"](tokens) + parts["wpe"].weight[: tokens.shape[1]]
        for loop in range(len(trajectory)):
            for block, modulation in zip(blocks, modulations):
                x = block(x, modulation[loop])
        return parts["norm_f"](x)


def cross_entropy(logits, targets):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def backward(model, tokens, targets, long, short, bfloat16=False, alone=nullcontext):
    """Adds the objective's gradients to the parameters' .grad and returns the loss.

    The objective is CE(long) + 0.1 CE(short) + 0.1 MSE(stop_gradient(hidden long), hidden short). The long run's graph is
    freed before the short run is built: the same sum and the same time as one graph for both, with less memory. `alone` is around the long run: DDP's no_sync.
    """
    autocast = {"device_type": "cpu", "dtype": torch.bfloat16, "enabled": bfloat16}
    with alone():
        with torch.autocast(**autocast):
            logits, hidden = model(tokens, long)
            loss_long = cross_entropy(logits, targets)
        loss_long.backward()
    target = hidden.detach().float()
    del logits, hidden
    with torch.autocast(**autocast):
        logits, hidden = model(tokens, short)
        loss_short = 0.1 * cross_entropy(logits, targets) + 0.1 * F.mse_loss(hidden.float(), target)
    del logits, hidden
    loss_short.backward()
    return loss_long.detach() + loss_short.detach()


ADAMW = {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}


def make_optimizer(model, lr=6e-4, weight_decay=0.2, betas=(0.9, 0.95), eps=1e-8, kind="fused"):
    """AdamW that decays tensors of two or more dimensions only."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, **ADAMW[kind])


def memory_mib(field):
    """VmHWM (peak) or VmRSS (now) of this process in MiB; None where there is no /proc."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def sgemm(size=2048, repeats=20):
    """float32 matrix product rates in GFLOP/s: best and median of `repeats` after warming up."""
    a, b, c = (torch.rand(size, size) for _ in range(3))
    seconds = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        torch.mm(a, b, out=c)
        seconds.append(time.perf_counter() - start)
    rates = sorted(2 * size**3 / s / 1e9 for s in seconds[3:])
    return {"gflops": rates[-1], "median": rates[len(rates) // 2]}


class Trainer:
    def __init__(self, config, args):
        torch.manual_seed(1)
        names = ("width", "heads", "mlp", "layers", "vocab", "context")
        self.model = LoopFormer(**{name: config[name] for name in names})
        self.optimizer = make_optimizer(self.model, kind=args.adamw)
        loops, short = config["loops"], config["shortLoops"]
        self.long, self.short = [1 / loops] * loops, [1 / short] * short
        self.bfloat16 = args.dtype == "bfloat16"
        text = torch.randint(config["vocab"], (config["batch"], config["context"] + 1))
        self.tokens, self.targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = backward(self.model, self.tokens, self.targets, self.long, self.short, self.bfloat16)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def answer(args):
    baseline = memory_mib("VmHWM")  # interpreter and library, before there is a model
    trainers = []

    def steps(count):
        if not trainers:
            trainers.append(Trainer(json.loads(args.config), args))
        return timed(trainers[0].step, int(count))

    peak = lambda: {"peakMiB": memory_mib("VmHWM"), "baselineMiB": baseline}
    serve({"step": steps, "peak": peak, "sgemm": sgemm, "version": version})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The LoopFormer training step in PyTorch, driven by lines on stdin.")
    parser.add_argument("--config", default="{}", help="JSON: width heads mlp layers vocab context batch loops shortLoops")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--adamw", choices=list(ADAMW), default="fused")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    answer(options)
