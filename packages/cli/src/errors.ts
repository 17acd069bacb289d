import { GyreError } from "gyre";

export function tooManyTrajectories(
  loops: readonly number[],
  grid: number,
  given: number,
  most: number,
): GyreError {
  return new GyreError("EVAL_TRAJECTORIES", {
    given: `${given} trajectories of ${loops.join(", ")} loops on the 1/${grid} grid`,
    expected: `at most ${most} in one evaluation`,
    fix: "ask for fewer or other numbers of loops, or pass a file with the trajectories of interest",
  });
}

export function badTrajectoriesFile(path: string, problem: string): GyreError {
  return new GyreError("EVAL_TRAJECTORIES", {
    given: `${path}: ${problem}`,
    expected: "a JSON array of arrays of step sizes, or a comma list of step sizes a line",
    fix: 'correct the file, for example: [[0.5, 0.25, 0.25], [0.25, 0.75]]; or pass "all" or "uniform"',
  });
}

export function unreadableRecipe(path: string, problem: string): GyreError {
  return new GyreError("RECIPE", {
    given: `the recipe ${path}: ${problem}`,
    expected: 'a JSON file {"model": {...}, "training": {...}} with fields of a spec and of training options',
    fix: "correct the file; recipes/ has examples",
  });
}

export function trainNeeds(given: string): GyreError {
  return new GyreError("TRAIN_USAGE", {
    given,
    expected:
      "gyre train DATA --out RUN for a new run, DATA a folder or a task's name; or gyre train --resume RUN to continue one",
    fix: "gyre train --help shows examples",
  });
}

/** What is named is neither a folder nor a task. */
export function nothingToLearn(from: string, tasks: readonly string[]): GyreError {
  return new GyreError("TRAIN_DATA", {
    given: `${from}, which is neither a folder nor a task`,
    expected: `a dataset that gyre prepare wrote, or one of ${tasks.join(", ")}`,
    fix: `check the spelling, or make the dataset: gyre prepare TEXT ${from}`,
  });
}

export function oneProcess(what: string, ranks: number): GyreError {
  return new GyreError("RANKS_ONE", {
    given: `${what}, started as ${ranks} ranks`,
    expected: "one process: ranks share training, gyre eval and gyre lab eval of runs, and nothing else",
    fix: "start it without mpirun, mpiexec or srun",
  });
}

export function ranksDevice(device: string): GyreError {
  return new GyreError("RANKS_DEVICE", {
    given: `--device ${device} for several ranks`,
    expected: "the device cpu: ranks compute on the CPU",
    fix: "take --device cpu, or start one process",
  });
}

export function noLauncher(ranks: number): GyreError {
  return new GyreError("RANKS_LAUNCHER", {
    given: `--ranks ${ranks}, but neither mpirun nor mpiexec`,
    expected: "the launcher of Open MPI or MPICH on the PATH",
    fix: "install openmpi-bin or mpich, and koffi beside gyre; or train in one process, without --ranks",
  });
}

export function nestedRanks(ranks: number, size: number): GyreError {
  return new GyreError("TRAIN_USAGE", {
    given: `--ranks ${ranks} under a launcher that started ${size} ranks`,
    expected: "one of them: mpirun -n N gyre train ..., or gyre train --ranks N ...",
    fix: "leave out --ranks",
  });
}

export function labTrainNeeds(given: string): GyreError {
  return new GyreError("TRAIN_USAGE", {
    given,
    expected: "gyre lab train RECIPE --out RUN for a new run, or gyre lab train --resume RUN to continue one",
    fix: "gyre lab list shows the recipes, gyre lab train --help examples",
  });
}

export function alreadyDone(
  path: string,
  steps: number,
  measure = `gyre eval ${path}`,
  asked?: number,
): GyreError {
  return new GyreError("TRAIN_DONE", {
    given: `--resume ${path}${asked === undefined ? "" : ` --steps ${asked}`}, which has done ${steps} steps`,
    expected: "a run that is not finished",
    fix: `measure it: ${measure}; or train on with more --steps`,
  });
}

export function badOutput(path: string, cause: unknown): GyreError {
  return new GyreError(
    "EVAL_OUT",
    {
      given: `--out ${path}: ${cause instanceof Error ? cause.message : cause}`,
      expected: "a folder, or a path where one can be made",
      fix: "choose another folder",
    },
    { cause },
  );
}

export function otherTasks(task: string, others: readonly string[]): GyreError {
  return new GyreError("LAB_TASKS", {
    given: `runs of several tasks: the first is on ${task}; ${others.join(", ")}`,
    expected: "runs of one task, whose errors can be compared",
    fix: "evaluate the others by themselves",
  });
}

export function otherRecipe(path: string, recipe: string): GyreError {
  return new GyreError("LAB_RUN", {
    given: `${path}, whose model or training is not that of the recipe ${recipe}`,
    expected: `a run of ${recipe} as it is now`,
    fix: "move the run away, or choose another folder with --runs",
  });
}

export function noTaskFile(path: string, cause: unknown): GyreError {
  return new GyreError(
    "TASK_FILE",
    {
      given: `${path}: ${cause instanceof Error ? cause.message : cause}`,
      expected: "a file that can be read, or written in a folder that is there",
      fix: "correct the path",
    },
    { cause },
  );
}

export function taskFileExists(path: string): GyreError {
  return new GyreError("TASK_FILE_EXISTS", {
    given: `${path}, which is there already`,
    expected: "a new file",
    fix: "choose another name, or replace the file with --force",
  });
}

export function missingAnswers(path: string, answers: number, problems: number): GyreError {
  return new GyreError("TASK_ANSWERS", {
    given: `${path}: ${answers} answer${answers === 1 ? "" : "s"} to ${problems} problem${problems === 1 ? "" : "s"}`,
    expected: "an answer to each problem, one a line, in the same order",
    fix: 'add the missing lines; an empty answer is {"answer": []}, where answers are written',
  });
}

export function noStudio(site: string): GyreError {
  return new GyreError("STUDIO_BUILD", {
    given: `no studio at ${site}`,
    expected: "the built site, which comes with the published package",
    fix: "in a clone of the repository, build it: npm run build -w packages/studio",
  });
}

export function studioPort(port: number, cause: unknown): GyreError {
  return new GyreError(
    "STUDIO_PORT",
    {
      given: `port ${port}, which cannot be listened on`,
      expected: "a free port of this machine",
      fix: "pass another one with --port, or 0 for any that is free",
    },
    { cause },
  );
}
