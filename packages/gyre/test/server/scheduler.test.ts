import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.ts";
import { exitRule } from "../../src/decode/exits.ts";
import { generate } from "../../src/decode/generate.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx.node.ts";
import type { OnnxRuntime } from "../../src/runtime/session-runtime.ts";
import { Scheduler, type SchedulerOptions, type Submission } from "../../src/server/scheduler.ts";
import { spec, tinyWeights } from "./tiny-runs.ts";

let runtime: OnnxRuntime;
let decoder: Decoder;
const weights = tinyWeights();
beforeAll(async () => {
  runtime = await openOnnxRuntime({ threads: 1 });
  decoder = new Decoder({ spec, weights, runtime });
});
afterAll(async () => {
  await decoder[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

interface Request {
  readonly prompt: readonly number[];
  readonly options: Submission["options"];
}

/** Greedy requests of every kind of budget, with prompts of different lengths. */
const requests: readonly Request[] = Array.from({ length: 24 }, (_, index) => ({
  prompt: Array.from({ length: 1 + ((7 * index) % 30) }, (_, at) => (31 * index + 5 * at) % 256),
  options: {
    temperature: 0,
    maxTokens: 4 + (index % 9),
    window: "stop",
    loops: [1, 2, 3, 4, [0.5, 0.25, 0.25], exitRule("kl<0.05"), exitRule("change<0.3", 3)][index % 7] ?? 4,
  },
}));

/** Runs requests through one scheduler; the tokens of each, and the most streams that shared a call. */
async function together(all: readonly Request[], options: SchedulerOptions = {}, own = decoder) {
  let mostRunning = 0;
  const scheduler = new Scheduler(own, {
    ...options,
    betweenCalls: async () => {
      mostRunning = Math.max(mostRunning, scheduler.load.running);
    },
  });
  const texts = await Promise.all(
    all.map(
      (request) =>
        new Promise<number[]>((resolve, reject) => {
          const tokens: number[] = [];
          scheduler.submit({
            ...request,
            onToken: ({ token }) => tokens.push(token) < 0,
            onEnd: () => resolve(tokens),
            onError: reject,
          });
        }),
    ),
  );
  return { texts, mostRunning, load: scheduler.load };
}

const alone = async ({ prompt, options }: Request): Promise<number[]> => {
  const tokens: number[] = [];
  for await (const { token } of generate(decoder.model, prompt, options)) tokens.push(token);
  return tokens;
};

describe("the scheduler", () => {
  test("writes the same greedy tokens alone and under load, at mixed budgets", async () => {
    const expected: number[][] = [];
    for (const request of requests) expected.push(await alone(request));
    const batched = await together(requests, { slots: 8 });
    expect(batched.texts).toEqual(expected);
    expect(batched.mostRunning).toBe(8);
    const unbatched = await together(requests, { batching: false });
    expect(unbatched.texts).toEqual(expected);
    expect(unbatched.mostRunning).toBeLessThanOrEqual(1);
    expect(batched.load.calls).toBeLessThan(unbatched.load.calls / 2);
    expect(batched.load.streamLoops).toBe(unbatched.load.streamLoops);
    expect(batched.load).toMatchObject({ running: 0, waiting: 0, cacheBytes: 0 });
    const wide = await together(requests, { slots: requests.length });
    expect(wide.mostRunning).toBeGreaterThan(spec.width);
    expect(wide.texts).toEqual(expected);
  });

  test("compiles what 32 streams of mixed budgets need once, and nothing when they come again", async () => {
    let compiled = 0;
    const { name, precision } = runtime;
    const compile: OnnxRuntime["compile"] = (...words) => {
      compiled++;
      return runtime.compile(...words);
    };
    // the runtime itself is let go with the others' decoder
    const counted = { name, precision, compile, [Symbol.asyncDispose]: async () => {} };
    await using own = new Decoder({ spec, weights, runtime: counted });
    const many = Array.from({ length: 128 }, (_, index): Request => {
      const prompt = Array.from({ length: 16 }, (_, at) => (31 * index + 7 * at) % 256);
      return { prompt, options: { temperature: 0, maxTokens: 40, window: "stop", loops: 1 + (index % 4) } };
    });
    await together(many, { slots: 32 }, own);
    expect(compiled).toBeGreaterThan(24);
    compiled = 0;
    await together(many, { slots: 32 }, own);
    expect(compiled).toBe(0);
  });

  test("takes any number of streams, also after longer ones", async () => {
    const requestOf = (length: number): Request => ({
      prompt: Array.from({ length }, (_, at) => (11 * at + length) % 256),
      options: { temperature: 0, maxTokens: 6, loops: 2 },
    });
    const short = [requestOf(3), requestOf(2), requestOf(1)];
    const expected: number[][] = [];
    for (const request of short) expected.push(await alone(request));
    const long = requestOf(40);
    await together([long, long, long]);
    expect((await together(short)).texts).toEqual(expected);
  });

  test("a shallow stream is not held up by deep ones, and a late one joins at the next call", async () => {
    const order: string[] = [];
    let calls = 0;
    const scheduler: Scheduler = new Scheduler(decoder, {
      betweenCalls: async () => {
        if (++calls === 4) submit("late", 1, 1);
      },
    });
    const ended: Promise<void>[] = [];
    const submit = (name: string, loops: number, maxTokens: number) =>
      ended.push(
        new Promise((resolve, reject) => {
          scheduler.submit({
            prompt: [1, 2],
            options: { loops, maxTokens, temperature: 0 },
            onToken: () => false,
            onEnd: () => {
              order.push(name);
              resolve();
            },
            onError: reject,
          });
        }),
      );
    submit("deep", 4, 6);
    submit("shallow", 1, 6);
    for (let index = 0; index < ended.length || order.length < 3; index++) await ended[index];
    expect(order).toEqual(["late", "shallow", "deep"]);
  });

  test("drafted streams beside others write the same greedy tokens, and end where a listener says so", async () => {
    const drafted = requests.slice(0, 6).map(({ prompt, options }, index): Request => {
      const kind = index % 2 === 0 ? "prefix" : "coarse";
      return {
        prompt,
        options: { ...options, loops: 4, draft: { kind, loops: 1 + (index % 3), tokens: 3 } },
      };
    });
    const plain = drafted.map(({ prompt, options: { draft: _, ...options } }) => ({ prompt, options }));
    const expected = await Promise.all(plain.map(alone));
    const { texts } = await together([...drafted, ...requests.slice(6, 10)]);
    expect(texts.slice(0, 6)).toEqual(expected);

    const heard: number[] = [];
    const finish = await new Promise((resolve, reject) => {
      new Scheduler(decoder).submit({
        ...(drafted[0] as Request),
        onToken: ({ token }) => heard.push(token) === 2,
        onEnd: resolve,
        onError: reject,
      });
    });
    expect({ finish, heard }).toEqual({ finish: "stop", heard: expected[0]?.slice(0, 2) });
  });

  test("what fails is told of it, and nobody else", async () => {
    const [bad, worse] = [{ maxTokens: 3, loops: 0.5 }, { maxTokens: 3 }];
    const failures: string[] = [];
    const scheduler = new Scheduler(decoder);
    const good = new Promise((resolve, reject) => {
      const tokens: number[] = [];
      const onToken = ({ token }: { token: number }) => tokens.push(token) < 0;
      const request = requests[1] as Request;
      scheduler.submit({ ...request, onToken, onEnd: () => resolve(tokens), onError: reject });
    });
    const onError = (error: unknown) => failures.push(String(error).split(":")[1]?.trim() ?? "");
    const never = () => expect.unreachable();
    scheduler.submit({ prompt: [1], options: bad, onToken: never, onEnd: never, onError });
    scheduler.submit({ prompt: [1, 999], options: worse, onToken: never, onEnd: never, onError });
    const throws = () => {
      throw new Error("listener: broken");
    };
    scheduler.submit({ prompt: [1], options: worse, onToken: throws, onEnd: never, onError });
    expect(await good).toEqual(await alone(requests[1] as Request));
    expect(failures).toEqual(["LOOPS", "PROMPT_TOKEN", "listener"]);
  });

  test("listeners that throw, at any moment, are alone with it, and later streams run", async () => {
    let isBroken = true;
    const scheduler = new Scheduler(decoder, {
      betweenCalls: async () => {
        if (isBroken) throw new Error("between: broken");
      },
    });
    const submit = (listeners: Partial<Submission>, maxTokens = 3) =>
      new Promise<string>((resolve) => {
        scheduler.submit({
          prompt: [1],
          options: { maxTokens, temperature: 0, loops: 1 },
          onToken: () => false,
          onEnd: () => resolve("end"),
          onError: (error) => resolve(String(error)),
          ...listeners,
        });
      });
    const broken = (where: string) => () => {
      throw new Error(where);
    };
    expect(await submit({})).toBe("Error: between: broken");
    isBroken = false;
    const good = [submit({}, 9), submit({}, 6)];
    expect(await submit({ onToken: broken("token") })).toBe("Error: token");
    expect(await submit({ onEnd: broken("end") })).toBe("Error: end");
    expect(await submit({ onEnd: broken("at once") }, 0)).toBe("Error: at once");
    scheduler.submit({
      prompt: [1, 999],
      options: { maxTokens: 3 },
      onToken: () => false,
      onEnd: broken("never"),
      onError: broken("nobody hears of it"),
    });
    expect(await Promise.all(good)).toEqual(["end", "end"]);
    expect(await submit({})).toBe("end");
    expect(scheduler.load).toMatchObject({ running: 0, waiting: 0, cacheBytes: 0 });
  });

  test("a cancelled stream leaves at once, waiting or running, and hears nothing more", async () => {
    const heard: string[] = [];
    let cancels: (() => void)[] = [];
    const scheduler: Scheduler = new Scheduler(decoder, {
      slots: 2,
      betweenCalls: async () => {
        if (scheduler.load.running < 2) return;
        for (const cancel of cancels) cancel();
        cancels = [];
        expect(scheduler.load).toMatchObject({ running: 1, waiting: 0 });
      },
    });
    const submit = (name: string, maxTokens: number) =>
      new Promise<() => void>((resolve) => {
        const cancel = scheduler.submit({
          prompt: [1],
          options: { maxTokens, temperature: 0, loops: 1 },
          onToken: () => false,
          onEnd: () => {
            heard.push(name);
            resolve(cancel);
          },
          onError: () => heard.push("error"),
        });
        if (name !== "stays") resolve(cancel);
      });
    const stays = submit("stays", 8);
    cancels = [await submit("running", 50), await submit("waiting", 50)];
    await stays;
    expect(heard).toEqual(["stays"]);
    expect(scheduler.load).toMatchObject({ running: 0, waiting: 0, cacheBytes: 0 });
  });
});
