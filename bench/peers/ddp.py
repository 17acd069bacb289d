"""The LoopFormer training step in PyTorch's DistributedDataParallel: what gyre's ranks are timed against.

The step of loopformer.py on as many processes as asked for, over gloo, each with its own share of the batch and its own
threads. Gradients are added up once a step, after the short run, in DDP's buckets and while it goes backward.

    python ddp.py --config '{"width":64,...}' --ranks 2 --threads 1 --warmup 2 --steps 4

Rank 0 prints one JSON line: milliseconds of each step after the warm-up, the last loss, PyTorch's version.
"""

import argparse
import json
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.nn.parallel import DistributedDataParallel

from lines import timed
from loopformer import Trainer, backward, nn


class RankTrainer(Trainer):
    def __init__(self, config, args, rank):
        super().__init__({**config, "batch": config["batch"] // args.ranks}, args)
        text = torch.randint(config["vocab"], (config["batch"], config["context"] + 1)).chunk(args.ranks)[rank]
        self.tokens, self.targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
        self.parallel = DistributedDataParallel(self.model, gradient_as_bucket_view=True)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        alone = self.parallel.no_sync
        loss = backward(self.parallel, self.tokens, self.targets, self.long, self.short, self.bfloat16, alone)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def run(rank, args, store):
    torch.set_num_threads(args.threads)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=args.ranks)
    trainer = RankTrainer(json.loads(args.config), args, rank)
    timed(trainer.step, args.warmup)
    seen = timed(trainer.step, args.steps)
    if rank == 0:
        print(json.dumps({**seen, "version": torch.__version__}), flush=True)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The LoopFormer training step under PyTorch's DDP.")
    parser.add_argument("--config", required=True, help="JSON, as of loopformer.py; batch is that of all ranks")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.set_defaults(dtype="float32", adamw="fused")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        processes.spawn(run, args=(options, store), nprocs=options.ranks)
