"""Two-choice questions asked of a LoopFormer in PyTorch: what gyre's evaluation is timed against.

The model is that of loopformer.py. As a good user would: rows in batches, no gradients, and the head over the scored
positions alone, where lm-eval's own model class computes logits at every position.

    python questions.py --config '{...}' --questions '{"questions":1000,"tokens":64,"scored":8}' --threads 2

Then one line on stdin asks for one JSON line on stdout: "ask COUNT BATCH", "version"; "quit" ends.
"""

import argparse
import json

import torch
import torch.nn.functional as F

from lines import serve, timed, version
from loopformer import LoopFormer


class Asker:
    def __init__(self, config, questions):
        torch.manual_seed(1)
        names = ("width", "heads", "mlp", "layers", "vocab", "context")
        self.model = LoopFormer(**{name: config[name] for name in names}).eval()
        self.trajectory = [1 / config["loops"]] * config["loops"]
        self.scored = questions["scored"]
        count, tokens = questions["questions"], questions["tokens"]
        contexts = torch.randint(config["vocab"], (count, 1, tokens - self.scored)).expand(-1, 2, -1)
        choices = torch.randint(config["vocab"], (count, 2, self.scored))
        self.rows = torch.cat([contexts, choices], dim=-1).flatten(0, 1)

    @torch.inference_mode()
    def ask(self, count, batch):
        """The sum of log-probabilities of each choice of the first `count` questions, `batch` rows at a time -> how often the first is the likelier."""
        sums = []
        for rows in self.rows[: 2 * count].split(batch):
            hidden = self.model.states(rows[:, :-1], self.trajectory)[:, -self.scored :]
            chances = F.log_softmax(F.linear(hidden, self.model.transformer["wte"].weight), dim=-1)
            sums.append(chances.gather(-1, rows[:, -self.scored :, None]).sum((1, 2)))
        first, second = torch.cat(sums).view(-1, 2).unbind(1)
        return (first >= second).sum().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two-choice questions in PyTorch, driven by lines on stdin.")
    parser.add_argument("--config", required=True, help="JSON: width heads mlp layers vocab context loops")
    parser.add_argument("--questions", required=True, help="JSON: questions tokens scored")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    asker = Asker(json.loads(options.config), json.loads(options.questions))
    ask = lambda count, batch: timed(lambda: asker.ask(int(count), int(batch)), 1)
    serve({"ask": ask, "version": version})
