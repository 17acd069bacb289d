import { join } from "node:path";
import type { Rng } from "../../packages/gyre/src/util/rng.ts";
import type { FaultContext, FaultPart } from "./part.ts";
import { pick, randomOf, sharedOut } from "./part.ts";
import { gyre, tinyData, tinyRun } from "./tiny.ts";

type Body = string | Uint8Array<ArrayBuffer>;

interface Served extends AsyncDisposable {
  readonly url: string;
}

/** `gyre serve` in a process of its own; disposing fails where it did not end by itself. */
async function serveTiny({ folder, seed }: FaultContext): Promise<Served> {
  const run = join(folder, "tiny");
  await tinyRun(run, await tinyData(folder), seed);
  const child = gyre("serve", run, "--port", "0", "--threads", "1", "--queue", "200");
  const url = new Promise<string>((resolve, reject) => {
    child.onOutput((stdout) => {
      const [found] = /http:\/\/[\w.:]+/.exec(stdout) ?? [];
      if (found) resolve(found);
    });
    child.ended.then(({ stderr }) => reject(new Error(`the server ended: ${stderr}`)), reject);
  });
  return {
    url: await url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const { code, stderr } = await child.ended;
      if (code !== 0) throw new Error(`the server ended with ${code}: ${stderr}`);
    },
  };
}

const completions = (url: string, body: Body, init: RequestInit = {}) =>
  fetch(`${url}/v1/completions`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
    ...init,
  });

/** The text of a streamed answer; undefined where the reader left after so many pieces. */
async function streamed(url: string, request: object, leavesAfter?: number): Promise<string | undefined> {
  const leave = new AbortController();
  const { signal } = leave;
  const answer = await completions(url, JSON.stringify({ ...request, stream: true }), { signal });
  if (answer.status !== 200 || !answer.body)
    throw new Error(`status ${answer.status}: ${await answer.text()}`);
  let [raw, pieces] = ["", 0];
  const decoder = new TextDecoder();
  for await (const bytes of answer.body) {
    raw += decoder.decode(bytes, { stream: true });
    if (leavesAfter !== undefined && ++pieces > leavesAfter) break;
  }
  if (leavesAfter !== undefined && pieces > leavesAfter) {
    leave.abort();
    return undefined;
  }
  const lines = raw.split("\n").filter((line) => line.startsWith("data: {"));
  return lines
    .map((line) => (JSON.parse(line.slice(6)) as { choices: { text: string }[] }).choices[0]?.text ?? "")
    .join("");
}

const depths = [
  { loops: 1 },
  { loops: 2 },
  { loops: 3 },
  { loops: 4 },
  { trajectory: [0.75, 0.25] },
  { exit: "kl<0.05" },
];

/** Streams at every depth, of which some readers leave halfway: the others' texts are what they are alone. */
export const streams: FaultPart = {
  name: "streams",
  summary: "64 streams at once, half of whose readers leave: the others get every token",
  async run(context) {
    await using server = await serveTiny(context);
    const random = randomOf(context, "streams");
    const count = sharedOut(64, context);
    const requests = Array.from({ length: count }, (_, index) => ({
      model: "tiny",
      prompt: pick(["We", "Day 3", "the river", "x"], random),
      temperature: index % 3 === 0 ? 0.8 : 0,
      seed: index,
      max_tokens: 8 + random.below(40),
      ...depths[index % depths.length],
    }));
    const alone: (string | undefined)[] = [];
    for (const request of requests) alone.push(await streamed(server.url, request));
    const leaves = requests.map((_, index) => (index % 2 === 1 ? random.below(8) : undefined));
    const together = await Promise.all(
      requests.map((request, index) =>
        streamed(server.url, request, leaves[index]).catch((error: Error) => `failed: ${error.message}`),
      ),
    );
    const broken = together.flatMap((text, index) =>
      text === undefined || text === alone[index] ? [] : [`stream ${index}: ${text}, alone ${alone[index]}`],
    );
    const ready = await fetch(`${server.url}/readyz`);
    if (ready.status !== 200) broken.push(`/readyz says ${ready.status} afterwards`);
    const left = together.filter((text) => text === undefined).length;
    return { attacks: count, broken, measured: `${left} readers left` };
  },
};

const values: readonly ((random: Rng) => unknown)[] = [
  () => null,
  () => -1,
  () => 1e308,
  () => 0.5,
  () => 2 ** 53,
  () => "",
  () => "x".repeat(5000),
  () => [],
  () => ({}),
  () => [[[[]]]],
  () => true,
  () => "\ud800",
  () => Array.from({ length: 500 }, () => "x"),
  (random) => random.below(100),
];
const fields = [
  ...[
    "model",
    "prompt",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "stream",
    "n",
    "loops",
  ],
  ...["trajectory", "exit", "logprobs", "draft", "__proto__", "constructor", "user", "messages"],
];

/** A request with one or several of its fields replaced, or its bytes mangled. */
function hostileBody(random: Rng): Body {
  const body: Record<string, unknown> = { model: "tiny", prompt: "We", max_tokens: 2, temperature: 0 };
  for (let change = 0; change <= random.below(3); change++)
    Object.defineProperty(body, pick(fields, random), {
      value: pick(values, random)(random),
      enumerable: true,
      configurable: true,
    });
  const text = JSON.stringify(body);
  const spot = random.below(text.length);
  const mangled: readonly (() => Body)[] = [
    () => text,
    () => text,
    () => text.slice(0, spot),
    () => `${text.slice(0, spot)}${pick(["{", "[", '"', "\u0000", "1e999"], random)}${text.slice(spot)}`,
    () => Uint8Array.from({ length: 1 + random.below(300) }, () => random.below(256)),
    () => "[".repeat(1 + random.below(20_000)),
    () => "x".repeat(random.below(2 ** 21)),
  ];
  return pick(mangled, random)();
}

/** Bodies that no client should send: an answer of the client's fault, or a right one, and soon. */
export const bodies: FaultPart = {
  name: "bodies",
  summary: "hostile request bodies: never a 500, and the server goes on",
  async run(context) {
    await using server = await serveTiny(context);
    const attacks = sharedOut(420, context);
    const counts = new Map<number, number>();
    const broken: string[] = [];
    for (let attack = 0; attack < attacks; attack++) {
      const body = hostileBody(randomOf(context, "bodies", attack));
      try {
        const answer = await completions(server.url, body, { signal: AbortSignal.timeout(20_000) });
        counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
        const text = await answer.text();
        if (answer.status >= 500) broken.push(`attack ${attack}: ${answer.status} ${text.slice(0, 200)}`);
      } catch (error) {
        broken.push(`attack ${attack}: ${(error as Error).message}`);
      }
    }
    const after = await streamed(server.url, { model: "tiny", prompt: "We", max_tokens: 4, temperature: 0 });
    if (!after) broken.push("no text afterwards");
    const measured = [...counts].sort().map(([status, count]) => `${count} x ${status}`);
    return { attacks, broken, measured: measured.join(", ") };
  },
};
