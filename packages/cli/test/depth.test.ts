import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesTokenizer, exitRule, type GenerateOptions, generate, interpreterRuntime, presets } from "gyre";
import { loadWeights, openRun } from "gyre/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gyre } from "./cli.ts";
import { loopformer, size, temporaryFolder, tinyData, tinyRun } from "./tiny.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const run = (text: string) => gyre(text.split(" "), { cwd: folder.path });
const greedy = "--prompt We --temperature 0 --max-tokens 10";

beforeAll(async () => {
  folder = await temporaryFolder();
  const data = await tinyData(join(folder.path, "data"));
  await tinyRun(join(folder.path, "looped"), undefined, data);
  await tinyRun(join(folder.path, "early"), presets.baseLoop(size), data);
  const other = await tinyData(join(folder.path, "other"), "folk");
  await tinyRun(join(folder.path, "elsewhere"), presets.baseLoop(size), other);
  await tinyRun(join(folder.path, "plain"), presets.baseLoop(size));
});
afterAll(() => folder.remove());

/** What the library writes with the float64 interpreter. */
async function expected(options: Partial<GenerateOptions>): Promise<string> {
  const { weights } = await loadWeights(await openRun(join(folder.path, "looped")));
  const model = { spec: loopformer, weights, runtime: interpreterRuntime() };
  const tokenizer = bytesTokenizer();
  const prompt = [...tokenizer.encode("We")];
  const tokens = [...prompt];
  for await (const { token } of generate(model, prompt, { temperature: 0, maxTokens: 10, ...options }))
    tokens.push(token);
  return `${tokenizer.decode(tokens)}\n`;
}

describe("gyre generate", () => {
  it("leaves loops early by a rule, up to the loops of --loops", async () => {
    const full = await run(`generate looped ${greedy} --exit kl<0`);
    expect(full).toEqual(await run(`generate looped ${greedy}`));
    const one = await run(`generate looped ${greedy} --loops 1`);
    expect(await run(`generate looped ${greedy} --exit change<0.5 --loops 1`)).toEqual(one);
    for (const cachePolicy of ["recompute", "share-last"] as const) {
      const rule = await run(`generate looped ${greedy} --exit change<0.4 --cache-policy ${cachePolicy}`);
      expect(rule.stdout).toBe(await expected({ loops: exitRule("change<0.4"), cachePolicy }));
    }
  });

  it("writes the same text with a draft", async () => {
    const plain = await run(`generate looped ${greedy} --draft none`);
    expect(await run(`generate looped ${greedy} --draft prefix:2:3`)).toEqual(plain);
    expect(await run(`generate looped ${greedy} --draft coarse:1:4`)).toEqual(plain);
  });

  it("stops at the window when told to, and says so", async () => {
    const words = "--prompt We --temperature 0 --max-tokens 30";
    const stopped = await run(`generate looped ${words} --window stop`);
    expect(stopped.stderr).toBe("stopped: the context of 16 tokens is full; --window slide continues\n");
    const slid = await run(`generate looped ${words} --window slide`);
    expect(slid.stderr).toMatch(/^note: past the context of 16 tokens .*\n$/);
    expect(slid.stdout.startsWith(stopped.stdout.trimEnd())).toBe(true);
  });

  it("warns of a depth that the model was not trained for", async () => {
    const { code, stderr } = await run(`generate plain ${greedy} --loops 2`);
    expect(code).toBe(0);
    expect(stderr).toBe("warning: this baseLoop was trained at 4 loops only; other depths are a guess\n");
    expect((await run(`generate plain ${greedy}`)).stderr).toBe("");
  });

  it.each([
    ["--exit often", /'--exit <rule>' argument 'often' is invalid|EXIT: the exit rule "often"/],
    ["--draft prefix:1", /It must be auto, none, or like prefix:1:4/],
    ["--draft prefix:4:2", /DRAFT: a prefix draft of 4 loops/],
    ["--draft prefix:1:2 --exit kl<0.1", /DRAFT: a draft together with the exit rule kl < 0\.1/],
    ["--exit kl<0.1 --trajectory 0.5,0.5", /--exit with --trajectory/],
    ["--window shut", /It must be stop or slide/],
    ["--cache-policy none", /It must be recompute or share-last/],
  ])("refuses %s", async (words, message) => {
    const { code, stdout, stderr } = await run(`generate looped ${words}`);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });
});

describe("gyre exits", () => {
  it("measures every rule beside chance and writes the report", async () => {
    const { code, stdout, stderr } = await run("exits looped --max-tokens 16 --threads 1 --out exits");
    expect({
      code,
      stderr: stderr.replace(/^(fixed|change|second|probability|margin|entropy|kl).*\n/gm, ""),
    }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(stdout).toMatch(/\nrule +loss +mean loops +passes\/token +random exit +gain\n[- ]+\n1 loop /);
    const report = JSON.parse(await readFile(join(folder.path, "exits/latest.json"), "utf8"));
    expect(report.series).toHaveLength(8);
    expect(report.provenance.data).toMatchObject({ name: "tiny.txt", split: "validation" });
    const [, name = ""] = /exits\/(exits-looped-recompute-14tokens-[0-9a-f]{6})\.md\n$/.exec(stdout) ?? [];
    for (const file of [`${name}.svg`, `${name}-2.svg`])
      expect(await readFile(join(folder.path, "exits", file), "utf8")).toContain("<svg");
  });

  it("refuses a model of one loop, and a run without data", async () => {
    expect((await run("exits plain")).stderr).toMatch(/RUN_DATA|no data/i);
  });
});

describe("gyre analyze", () => {
  it("says whether states settle, prints what each loop does and writes the report", async () => {
    const { code, stdout, stderr } = await run(
      "analyze looped --loops 2,L --tokens 16 --traced 3 --threads 1 --out analysis",
    );
    expect({ code, stderr: stderr.replace(/^.*: (states|Jacobian|losses)\n/gm, "") }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(stdout).toMatch(/^looped: inside its loops\n(Settling|Marginal|Drifting): /);
    expect(stdout).toMatch(/\nloops +loss +KL to last +agrees +rank +norm +change /);
    const { analysis, provenance } = JSON.parse(
      await readFile(join(folder.path, "analysis/latest.json"), "utf8"),
    );
    expect(analysis.runs).toHaveLength(2);
    expect(analysis.runs[0].tokens).toHaveLength(3);
    expect(provenance.data).toMatchObject({ name: "tiny.txt", split: "validation" });
  });

  it("lays several runs over each other, with a claim for each that has no step sizes", async () => {
    const { code, stdout } = await run(
      "analyze looped early --loops L --tokens 16 --threads 1 --out both --name both",
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Inside the loops of 2 models\nlooped, early: runs at full depth on the same 16 tokens in 1 text/,
    );
    expect(stdout).toMatch(
      /\nchange +mean relative change in the second half of the loops: looped, less early /,
    );
    const report = JSON.parse(await readFile(join(folder.path, "both/both.json"), "utf8"));
    expect(report.others.map(({ model }: { model: { name: string } }) => model.name)).toEqual(["early"]);
    expect(report.claims.map(({ id }: { id: string }) => id)).toEqual([
      ...["change", "angle", "CKA", "curvature", "entropy"],
    ]);
    expect(report.analysis.runs.map(({ loops }: { loops: number }) => loops)).toEqual([4]);
    expect(report.analysis.runs[0].tokens).toEqual([]);
    expect(await readFile(join(folder.path, "both/both.svg"), "utf8")).toContain(">early<");
    expect(await readFile(join(folder.path, "both/both-heat.svg"), "utf8")).toContain("CKA");
  });

  it("refuses a run of one loop only, runs on unlike data, and a run without data", async () => {
    expect((await run("analyze looped elsewhere")).stderr).toMatch(/^EVAL_COMPARE: .*another dataset/);
    expect((await run("analyze looped --loops 1")).stderr).toMatch(/^EVAL_OPTION: loops 1/);
    expect((await run("analyze plain")).stderr).toMatch(/RUN_DATA|no data/i);
  });
});

describe("gyre calibrate", () => {
  it("measures every draft, keeps the result with the run, and generate uses it", async () => {
    const { code, stdout } = await run("calibrate looped --max-tokens 8 --threads 1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ndraft +tokens\/s +plain tokens\/s +speed-up +kept +blocks\/token\n/);
    for (const [, drafted, plain, ratio] of stdout.matchAll(/:\d +(\d+) +(\d+) +(\d+\.\d\d)x/g))
      expect(ratio).toBe((Number(drafted) / Number(plain)).toFixed(2));
    const path = join(folder.path, "looped/extra/calibration.json");
    const { calibration } = JSON.parse(await readFile(path, "utf8"));
    expect(calibration.drafts).toHaveLength(2 * 3 * 6);
    expect(stdout).toContain(calibration.best ? "are drafted with" : "none is used");
    const plain = await run(`generate looped ${greedy} --draft none`);
    const after = await run(`generate looped ${greedy}`);

    expect(after).toEqual(plain);
  });

  it("starts a new text where a run has no data, and refuses a run that is none", async () => {
    expect((await run("calibrate plain --max-tokens 8 --threads 1")).code).toBe(0);
    expect((await run("calibrate nowhere")).stderr).toMatch(/^RUN_MISSING: no run at nowhere/);
  });
});
