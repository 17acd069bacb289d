"""The real lm-eval against a server: client.py URL FOLDER TASKS LENGTH BATCH CHAT MODEL... prints results and samples as JSON."""

import importlib
import json
import sys
import types


class Absent(types.ModuleType):
    """A package that lm-eval imports and that nothing here uses."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


for package in ["evaluate", "sqlitedict", "pytablewriter", "jsonlines", "word2number", "rouge_score"]:
    try:
        importlib.import_module(package)
    except ImportError:
        sys.modules[package] = Absent(package)

import lm_eval  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from lm_eval.utils import RemoteTokenizer  # noqa: E402

url, folder, tasks, length, batch, chat, *models = sys.argv[1:]
answers = {}
for model in models:
    found = lm_eval.simple_evaluate(
        model="local-completions",
        model_args=f"model={model},base_url={url}/v1/completions,max_length={length},max_retries=1",
        tasks=tasks.split(","),
        task_manager=TaskManager(include_path=folder, include_defaults=False),
        batch_size=int(batch),
        bootstrap_iters=0,
        log_samples=True,
    )
    answers[model] = {
        "results": found["results"],
        "samples": {task: [sample["resps"] for sample in samples] for task, samples in found["samples"].items()},
    }
laid_out = RemoteTokenizer(f"{url}/v1/chat/completions").apply_chat_template(json.loads(chat))
json.dump({"models": answers, "chat": laid_out}, sys.stdout, default=str)
