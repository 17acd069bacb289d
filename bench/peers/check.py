"""Checks loopformer.py against what the official implementation computed: golden/oracle/loopformer.safetensors.

    python bench/peers/check.py [FILE.safetensors ...]

Tolerances are golden/oracle/README.md's. Prints the worst error of each kind and exits with 1 when one is too large.
"""

import json
import pathlib
import struct
import sys

import numpy
import torch

import loopformer

DTYPES = {"F32": numpy.float32, "I64": numpy.int64}
GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden" / "oracle" / "loopformer.safetensors"


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        array = numpy.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors, {name: parse(text) for name, text in metadata.items()}


def parse(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def group(tensors, prefix):
    """The tensors under `prefix/`, without the second name of the tied head."""
    found = {name[len(prefix) + 1 :]: t for name, t in tensors.items() if name.startswith(prefix + "/")}
    found.pop("lm_head.weight", None)
    return found


def load_model(tensors, config):
    model = loopformer.LoopFormer(
        width=config["n_embd"],
        heads=config["n_head"],
        mlp=config["intermediate_dim"],
        layers=config["n_layer"],
        vocab=config["vocab_size"],
        context=config["block_size"],
    )
    model.load_state_dict(group(tensors, "param"), strict=True)
    return model


class Worst:
    """The largest error of each kind, held against its tolerance."""

    def __init__(self):
        self.rows = {}

    def add(self, kind, tolerance, got, want, relative=False):
        scale = want.abs().max().item() if relative else 1.0
        error = (got.detach() - want).abs().max().item() / (scale or 1.0)
        if got.shape != want.shape or error != error:
            error = float("inf")
        self.rows[kind] = (max(error, self.rows.get(kind, (0.0, 0))[0]), tolerance)

    def report(self):
        for kind, (error, tolerance) in self.rows.items():
            print(f"  {'ok  ' if error <= tolerance else 'FAIL'} {kind:<12} {error:.2e} (at most {tolerance:.0e})")
        return all(error <= tolerance for error, tolerance in self.rows.values())


def check(path):
    tensors, meta = read_safetensors(path)
    model, worst = load_model(tensors, meta["config"]), Worst()
    batch = (tensors["tokens"], tensors["targets"], meta["long_trajectory"], meta["short_trajectory"])

    for run, trajectory in (("long", batch[2]), ("short", batch[3])):
        with torch.no_grad():
            logits, hidden = model(tensors["tokens"], trajectory)
        worst.add("logits", 5e-5, logits, tensors[f"out/logits_{run}"])
        worst.add("hidden", 5e-5, hidden, tensors[f"out/hidden_{run}"])
        worst.add("loss", 5e-6, loopformer.cross_entropy(logits, tensors["targets"]), tensors[f"out/loss_{run}"])
    worst.add("loss", 5e-6, loopformer.backward(model, *batch), tensors["out/loss"])
    parameters = dict(model.named_parameters())
    assert parameters.keys() == group(tensors, "grad").keys()
    for name, want in group(tensors, "grad").items():
        worst.add("gradients", 5e-5, parameters[name].grad, want, relative=True)

    for kind in loopformer.ADAMW:
        check_training(kind, load_model(tensors, meta["config"]), batch, tensors, meta, worst)
    print(path)
    return worst.report()


def check_training(kind, model, batch, tensors, meta, worst):
    hyper = {name: meta[name] for name in ("lr", "weight_decay", "eps")}
    optimizer = loopformer.make_optimizer(model, betas=(meta["beta1"], meta["beta2"]), kind=kind, **hyper)
    for want_loss, want_norm in meta["loss_and_gradnorm_per_step"]:
        optimizer.zero_grad(set_to_none=True)
        loss = loopformer.backward(model, *batch)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), meta["grad_clip"])
        optimizer.step()
        worst.add("curve", 1e-4, torch.stack([loss, norm]), torch.tensor([want_loss, want_norm]))
    parameters = dict(model.named_parameters())
    for name, want in group(tensors, "stepped").items():
        worst.add("stepped", 1e-4, parameters[name], want)


if __name__ == "__main__":
    results = [check(path) for path in sys.argv[1:] or [str(GOLDEN)]]
    sys.exit(0 if all(results) else 1)
