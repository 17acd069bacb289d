import { GyreError } from "../util/errors.ts";

const shownProblems = 50;

export function checkpointMismatch(problems: readonly string[]): GyreError {
  const rest = problems.length - shownProblems;
  const lines = [...problems.slice(0, shownProblems), ...(rest > 0 ? [`and ${rest} more`] : [])];
  return new GyreError("CHECKPOINT_MISMATCH", {
    given: `tensors that do not fit the model:\n    ${lines.join("\n    ")}`,
    expected: "every tensor of the model, in its shape, and no other",
    fix: "check that the config (layers, width, context, vocabulary, kind of model) belongs to these weights",
  });
}

export function officialConfigInvalid(source: string, problems: readonly string[]): GyreError {
  return new GyreError("CHECKPOINT_CONFIG", {
    given: `${source}:\n    ${problems.join("\n    ")}`,
    expected: "the config.json of a LoopFormer model or of one of its baselines",
    fix: "correct the fields listed above",
  });
}

export function officialFolder(folder: string, problem: string): GyreError {
  return new GyreError("OFFICIAL_FOLDER", {
    given: `${folder}: ${problem}`,
    expected: "a folder with config.json and model.safetensors",
    fix: "pass the folder of a model as downloaded from the Hugging Face hub, or as `gyre export` writes it",
  });
}

export function shardedWeights(path: string): GyreError {
  return new GyreError("CHECKPOINT_SHARDED", {
    given: `${path}: weights in several files`,
    expected: "all weights in one model.safetensors",
    fix: `join them:
    import json, safetensors.torch
    files = set(json.load(open("model.safetensors.index.json"))["weight_map"].values())
    weights = {name: value for file in files for name, value in safetensors.torch.load_file(file).items()}
    safetensors.torch.save_file(weights, "model.safetensors", metadata={"format": "pt"})`,
  });
}

export function officialExists(path: string): GyreError {
  return new GyreError("OFFICIAL_EXISTS", {
    given: `${path} exists`,
    expected: "a folder without a model in it",
    fix: "choose another folder, or replace it: --force, in the library force: true",
  });
}

export function notOfficial(problems: readonly string[]): GyreError {
  return new GyreError("SPEC_NOT_OFFICIAL", {
    given: `a model that the official code does not have:\n    ${problems.join("\n    ")}`,
    expected: "one of the presets with the official activation",
    fix: "keep the model in gyre's own format: its spec in config.json says everything",
  });
}

export function badSums(source: string, line: string): GyreError {
  return new GyreError("OFFICIAL_SUMS", {
    given: `${source}: the line ${JSON.stringify(line.slice(0, 80))}`,
    expected: "a SHA-256 checksum in hexadecimal, two spaces and a file's name in each line",
    fix: "write the file again with `sha256sum config.json model.safetensors > SHA256SUMS`, or delete it",
  });
}
