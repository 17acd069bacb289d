import { describe, expect, it } from "vitest";
import { pageOf, reportFiles } from "../../src/report/files.ts";
import type { Report } from "../../src/report/report.ts";
import { tableText } from "../../src/report/table.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { benchmarks, drafts, exits, lab, model, point, report, states, trajectories } from "./reports.ts";

const budgets = [
  point(1, 4.1, { stderr: 0.012 }),
  point(2, 3.8),
  point(4, 3.52),
  point(8, 3.55, { elapsedMs: 12_345 }),
];
const one = report([model("small", budgets, { step: 500 })]);
const two = report([
  model("looped | 8", budgets),
  model("gpt <wide>", [point(1, 3.6)], { family: "gpt", parameters: 5_400_000, trainedLoops: 1 }),
]);
const tables = (of: Report) => pageOf(of).tables.map(tableText).join("\n\n");
const markdown = (of: Report, name = "report") => reportFiles(of, name).get(`${name}.md`);

describe("tables", () => {
  it("mark the best of each column", () => {
    expect(tables(one)).toMatchInlineSnapshot(`
      "loops  FLOPs/token             loss   perplexity   bits/byte      time  trajectory
      -----  -----------  ----------------  -----------  ----------  -------  -----------
          1         7.2M  4.1000 ± 0.0120        60.34      1.4788    650 ms  uniform 1/1
          2        10.4M           3.8000        44.70      1.3706    900 ms  uniform 1/2
          4        16.8M           3.5200*       33.78*     1.2696*  1400 ms  uniform 1/4
          8        29.6M           3.5500        34.81      1.2804    12.3 s  uniform 1/8

      * best in its column"
    `);
  });

  it("name the models when there are several", () => {
    expect(tables(two)).toMatchInlineSnapshot(`
      "model       loops  FLOPs/token             loss   perplexity   bits/byte      time  trajectory
      ----------  -----  -----------  ----------------  -----------  ----------  -------  -----------
      looped | 8      1         7.2M  4.1000 ± 0.0120        60.34      1.4788    650 ms  uniform 1/1
      looped | 8      2        10.4M           3.8000        44.70      1.3706    900 ms  uniform 1/2
      looped | 8      4        16.8M           3.5200*       33.78*     1.2696*  1400 ms  uniform 1/4
      looped | 8      8        29.6M           3.5500        34.81      1.2804    12.3 s  uniform 1/8
      gpt <wide>      1         7.2M           3.6000        36.60      1.2984    650 ms  uniform 1/1

      * best in its column"
    `);
  });

  it("show the spread of trajectories, then the ends and the uniform one", () => {
    expect(tables(trajectories(8, 4))).toMatchInlineSnapshot(`
      "loops  which                            loss  perplexity  bits/byte  trajectory
      -----  -----------------------------  ------  ----------  ---------  -----------
          4  best of 35                     3.3763       29.26     1.2177  (5 1 1 1)/8
          4  median                         3.4525       31.58     1.2452
          4  mean                           3.4525       31.60     1.2452
          4  worst                          3.5263       34.00     1.2718  (1 1 1 5)/8
          4  uniform (17 of 35 are better)  3.4525       31.58     1.2452  (2 2 2 2)/8

      loops  FLOPs/token    loss   perplexity   bits/byte      time  trajectory
      -----  -----------  -------  -----------  ----------  -------  -----------
          4        16.8M  3.3763*       29.26*     1.2177*  1400 ms  (5 1 1 1)/8
          4        16.8M  3.3900        29.67      1.2227   1400 ms  (4 2 1 1)/8
          4        16.8M  3.4013        30.00      1.2267   1400 ms  (4 1 2 1)/8
          4        16.8M  3.4038        30.08      1.2276   1400 ms  (3 3 1 1)/8
          4        16.8M  3.4137        30.38      1.2313   1400 ms  (4 1 1 2)/8
        ...          ...      ...          ...         ...      ...  ...
          4        16.8M  3.4525        31.58      1.2452   1400 ms  uniform 1/4
        ...          ...      ...          ...         ...      ...  ...
          4        16.8M  3.4900        32.79      1.2588   1400 ms  (1 2 2 3)/8
          4        16.8M  3.5013        33.16      1.2628   1400 ms  (1 1 3 3)/8
          4        16.8M  3.5025        33.20      1.2633   1400 ms  (1 2 1 4)/8
          4        16.8M  3.5137        33.57      1.2673   1400 ms  (1 1 2 4)/8
          4        16.8M  3.5263        34.00      1.2718   1400 ms  (1 1 1 5)/8

      * best in its column"
    `);
  });

  it("show a uniform trajectory that lies off the grid", () => {
    expect(tables(trajectories(4, 3))).toMatchInlineSnapshot(`
      "loops  which                          loss  perplexity  bits/byte  trajectory
      -----  ---------------------------  ------  ----------  ---------  -------------------
          3  best of 3                    3.3775       29.30     1.2182  (2 1 1)/4
          3  median                       3.4050       30.11     1.2281
          3  mean                         3.4033       30.07     1.2275
          3  worst                        3.4275       30.80     1.2362  (1 1 2)/4
          3  uniform (1 of 3 are better)  3.4033       30.06     1.2275  (0.333 0.333 0.333)

      loops  FLOPs/token    loss   perplexity   bits/byte      time  trajectory
      -----  -----------  -------  -----------  ----------  -------  -----------
          3        13.6M  3.3775*       29.30*     1.2182*  1150 ms  (2 1 1)/4
          3        13.6M  3.4033        30.06      1.2275   1150 ms  uniform 1/3
          3        13.6M  3.4050        30.11      1.2281   1150 ms  (1 2 1)/4
          3        13.6M  3.4275        30.80      1.2362   1150 ms  (1 1 2)/4

      * best in its column"
    `);
  });

  it("show a single trajectory as the best of one", () => {
    const single = pageOf(report([model("a", [point(1, 3)])], "trajectories")).tables[0];
    expect(single?.rows.map((row) => row?.map(({ text }) => text))).toEqual([
      ["1", "best of 1", "3.0000", "20.09", "1.0820", "(8)/8"],
    ]);
  });

  it("show speeds of drafts with the ratio of what is shown", () => {
    // 1194 over 1270, not over the median of other turns
    expect(tables(drafts())).toMatchInlineSnapshot(`
      "draft       tokens/s  plain tokens/s  speed-up  kept  blocks/token
      ----------  --------  --------------  --------  ----  ------------
      prefix:1:1      1194            1270     0.94x  75 %          8.00
      prefix:1:2      1100            1200     0.92x  75 %          8.00"
    `);
  });

  it("need a point", () => {
    for (const kind of ["budgets", "trajectories"] as const)
      expect(errorOf(() => pageOf(report([model("a", [])], kind))).code).toBe("EVAL_REPORT_EMPTY");
  });
});

describe("Markdown", () => {
  it("of budgets holds the drawing, the table and where the numbers come from", () => {
    expect(markdown(two)).toMatchInlineSnapshot(`
      "# looped \\| 8, gpt \\<wide\\>: quality at every budget

      sotu, validation split · 65,536 tokens · context 256 · stride 128

      ![Bits per byte at every compute budget](report.svg)

      | model | loops | FLOPs/token | loss | perplexity | bits/byte | time | trajectory |
      | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
      | looped \\| 8 | 1 | 7.2M | 4.1000 ± 0.0120 | 60.34 | 1.4788 | 650 ms | uniform 1/1 |
      | looped \\| 8 | 2 | 10.4M | 3.8000 | 44.70 | 1.3706 | 900 ms | uniform 1/2 |
      | looped \\| 8 | 4 | 16.8M | **3.5200** | **33.78** | **1.2696** | 1400 ms | uniform 1/4 |
      | looped \\| 8 | 8 | 29.6M | 3.5500 | 34.81 | 1.2804 | 12.3 s | uniform 1/8 |
      | gpt \\<wide\\> | 1 | 7.2M | 3.6000 | 36.60 | 1.2984 | 650 ms | uniform 1/1 |

      Bold: best in its column. Loss is in nats per token, with its standard error. FLOPs/token: one forward pass, head included. Time: the forward passes over all tokens at that budget.

      ## Where the numbers come from

      - command: \`gyre eval runs/a --loops 1,2,4,8\`
      - commit: \`0123abc\`
      - date: 2026-01-02T03:04:05.000Z
      - machine: 2 cores, Linux x64
      - runtime: onnxruntime-node 1.30.0, cpu
      - data: sotu, validation split only
      - tokenizer: bpe, 4,096 entries
      - protocol: 65,536 tokens predicted at each budget, windows of 256 tokens, stride 128
      - looped \\| 8: loopformer, 2,700,000 parameters, trained for 8 loops
      - gpt \\<wide\\>: gpt, 5,400,000 parameters, trained for 1 loop
      "
    `);
  });

  it("of trajectories", () => {
    expect(markdown(trajectories(4, 2), "my plot")).toMatchInlineSnapshot(`
      "# looped: quality along trajectories

      sotu, validation split · 65,536 tokens · context 256 · stride 128

      ![looped: bits per byte of every trajectory](my%20plot.svg)

      | loops | which | loss | perplexity | bits/byte | trajectory |
      | ---: | --- | ---: | ---: | ---: | --- |
      | 2 | best of 3 | 3.3275 | 27.87 | 1.2001 | (3 1)/4 |
      | 2 | median | 3.3550 | 28.65 | 1.2101 |  |
      | 2 | mean | 3.3550 | 28.65 | 1.2101 |  |
      | 2 | worst | 3.3825 | 29.44 | 1.2200 | (1 3)/4 |
      | 2 | uniform (1 of 3 are better) | 3.3550 | 28.65 | 1.2101 | (2 2)/4 |

      | loops | FLOPs/token | loss | perplexity | bits/byte | time | trajectory |
      | ---: | ---: | ---: | ---: | ---: | ---: | --- |
      | 2 | 10.4M | **3.3275** | **27.87** | **1.2001** | 900 ms | (3 1)/4 |
      | 2 | 10.4M | 3.3550 | 28.65 | 1.2101 | 900 ms | uniform 1/2 |
      | 2 | 10.4M | 3.3825 | 29.44 | 1.2200 | 900 ms | (1 3)/4 |

      Bold: best in its column. Loss is in nats per token, with its standard error. FLOPs/token: one forward pass, head included. Time: the forward passes over all tokens at that budget.

      ## Where the numbers come from

      - command: \`gyre eval runs/a --loops 1,2,4,8\`
      - commit: \`0123abc\`
      - date: 2026-01-02T03:04:05.000Z
      - machine: 2 cores, Linux x64
      - runtime: onnxruntime-node 1.30.0, cpu
      - data: sotu, validation split only
      - tokenizer: bpe, 4,096 entries
      - protocol: 65,536 tokens predicted at each budget, windows of 256 tokens, stride 128
      - looped: loopformer, 2,700,000 parameters, trained for 4 loops
      "
    `);
  });

  it("of exits, in panels", () => {
    expect(markdown(exits())).toMatchInlineSnapshot(`
      "# a: exits

      sotu, validation split · 4,165 tokens a point · cache policy recompute

      ![a: what leaving loops early costs (1 of 2)](report.svg)

      ![a: what leaving loops early costs (2 of 2)](report-2.svg)

      | rule | loss | mean loops | passes/token | random exit | gain |
      | --- | ---: | ---: | ---: | ---: | ---: |
      | 1 loop | 4.8000 ± 0.0200 | 1.00 | 1.00 |  |  |
      | 4 loops | 4.3000 ± 0.0200 | 4.00 | 4.00 |  |  |
      | change\\<0.4 | 4.5000 ± 0.0200 | 2.00 | 2.00 | 4.5500 | 0.0500 |
      | change\\<0.2 | 4.3000 ± 0.0200 | 3.00 | 3.00 | 4.3200 | 0.0200 |
      | kl\\<0.4 | 4.4900 ± 0.0200 | 2.10 | 2.10 | 4.5500 | 0.0600 |
      | kl\\<0.2 | 4.3000 ± 0.0200 | 3.01 | 3.01 | 4.3200 | 0.0200 |
      | entropy\\<0.4 | 4.4800 ± 0.0200 | 2.20 | 2.20 | 4.5500 | 0.0700 |
      | entropy\\<0.2 | 4.3000 ± 0.0200 | 3.02 | 3.02 | 4.3200 | 0.0200 |
      | margin\\<0.4 | 4.4700 ± 0.0200 | 2.30 | 2.30 | 4.5500 | 0.0800 |
      | margin\\<0.2 | 4.3000 ± 0.0200 | 3.03 | 3.03 | 4.3200 | 0.0200 |
      | probability\\<0.4 | 4.4600 ± 0.0200 | 2.40 | 2.40 | 4.5500 | 0.0900 |
      | probability\\<0.2 | 4.3000 ± 0.0200 | 3.04 | 3.04 | 4.3200 | 0.0200 |
      | second difference\\<0.4 | 4.4500 ± 0.0200 | 2.50 | 2.50 | 4.5500 | 0.1000 |
      | second difference\\<0.2 | 4.3000 ± 0.0200 | 3.05 | 3.05 | 4.3200 | 0.0200 |
      | other\\<0.4 | 4.4400 ± 0.0200 | 2.60 | 2.60 | 4.5500 | 0.1100 |
      | other\\<0.2 | 4.3000 ± 0.0200 | 3.06 | 3.06 | 4.3200 | 0.0200 |

      Loss in nats per token. \`passes/token\`: passes of the core, those made up for later included. \`random exit\`: the loss when tokens leave at random with the same histogram of loops; \`gain\` is what the rule saves over it.

      ## Where the numbers come from

      - command: \`gyre exits runs/a\`
      - commit: \`0123abc\`
      - date: 2026-01-02T03:04:05.000Z
      - machine: 2 cores, Linux x64
      - runtime: onnxruntime-node 1.30.0, cpu
      - data: sotu, validation split only
      - model: a, after 500 steps
      - protocol: 4,165 tokens a point
      - cache policy: recompute
      "
    `);
  });

  it("of drafts", () => {
    expect(markdown(drafts())).toMatchInlineSnapshot(`
      "# a: drafts

      No draft is faster than plain decoding by 5 % or more: none is used.

      ![a: speed of drafting, over plain decoding](report.svg)

      | draft | tokens/s | plain tokens/s | speed-up | kept | blocks/token |
      | --- | ---: | ---: | ---: | ---: | ---: |
      | prefix:1:1 | 1194 | 1270 | 0.94x | 75 % | 8.00 |
      | prefix:1:2 | 1100 | 1200 | 0.92x | 75 % | 8.00 |

      Greedy text. Plain decoding and each draft were timed in turn; speeds are medians. \`kept\`: drafted tokens that all loops would have chosen. \`blocks/token\`: layers applied for each token written.

      ## Where the numbers come from

      - command: \`gyre calibrate runs/a\`
      - commit: \`0123abc\`
      - date: 2026-01-02T03:04:05.000Z
      - machine: 2 cores, Linux x64
      - runtime: onnxruntime-node 1.30.0, cpu
      - data: sotu, validation split only
      - model: a, after 500 steps
      - protocol: 192 tokens a turn, verified with 4 loops
      "
    `);
  });

  it("of benchmarks", () => {
    expect(markdown(benchmarks())).toMatchInlineSnapshot(`
      "# a: tasks at every budget

      ![a: accuracy at every budget](report.svg)

      | task | metric | 1 loop | 2 loops |
      | --- | --- | ---: | ---: |
      | piqa | acc | 0.5000 ± 0.0500 | 0.6000 ± 0.0500 |
      | piqa | acc\\_norm | 0.6000 ± 0.0500 | 0.7000 ± 0.0500 |
      | lambada | perplexity | 1234.0 ± 10.000 | 617.0000 ± 10.0000 |
      | mean of 2 | acc | 0.5000 ± 0.0500 | 0.6000 ± 0.0500 |
      | time |  | 1000 ms | 2000 ms |

      Values with their standard errors. \`acc\`: the most likely choice is the right one; \`acc_norm\`: by log-probability per character; \`time\`: all questions at that budget.

      ## Where the numbers come from

      - command: \`gyre eval runs/a --tasks tasks\`
      - commit: unknown
      - date: unknown
      - machine: 2 cores
      - runtime: cpu, 2 threads
      - a: loopformer, 1,000 parameters
      - piqa: 1,838 questions (choices) of piqa.jsonl
      - a: 3 contexts of lambada did not fit and lost their beginning
      "
    `);
  });

  it("of the laboratory: claims, also those that fail", () => {
    expect(markdown(lab())).toMatchInlineSnapshot(`
      "# Errors fall

      ![Errors fall](report.svg)

      | claim | measured | at most |  |
      | --- | ---: | ---: | --- |
      | \\|w\\* - w\\| at most | 0.05 | 0.1 | holds |
      | falls by half | NaN | 0.5 | DOES NOT HOLD |

      |  | best |
      | --- | ---: |
      | model \\| 1 | 0.1 |

      ## Where the numbers come from

      - command: \`gyre lab reproduce x\`
      - commit: unknown
      - date: unknown
      - machine: 2 cores
      - seeds: 1, 2
      - settings: \`{"prompts":20}\`
      "
    `);
  });

  it("says what is unknown, and keeps any command in its code span", () => {
    const { machine, data } = one.provenance;
    const provenance = { machine, data, command: "gyre eval `x` ``y``\n*z*" };
    const text = markdown({ ...one, provenance });
    expect(text).toContain("- commit: unknown\n- date: unknown\n");
    expect(text).toContain("- command: ``` gyre eval `x` ``y`` *z* ```\n");
    expect(text).toContain("trained for 8 loops, after 500 steps\n");
  });
});

describe("a look inside the loops", () => {
  it("shows how much attention moved, where that was measured", () => {
    const report = states();
    const [run] = report.analysis.runs;
    const steps = run!.steps.map((step) =>
      step.loops < 2 ? step : { ...step, attentionDrift: { low: 0.1, median: 0.125, high: 0.5 } },
    );
    const analysis = { ...report.analysis, runs: [{ ...run!, steps }] };
    const { tables: shown, charts } = pageOf({ ...report, analysis });
    const [title] = shown[1]!.columns.filter((column) => column.title === "att. drift");
    const at = shown[1]!.columns.indexOf(title!);
    expect(shown[1]!.rows.map((row) => row![at]!.text)).toEqual(["", "", "0.1250"]);
    const chart = charts.find(({ title: of }) => of.includes("attention"));
    expect(chart?.series[0]?.points).toEqual([{ x: 2, y: 0.125, low: 0.1, high: 0.5 }]);
    expect(pageOf(report).charts).toHaveLength(charts.length - 1);
  });

  it("begins with the verdict and has a table of states, of likeness and of predictions", () => {
    expect(pageOf(states()).lead).toBe("Settling. Up to 2 loops are safe.");
    expect(tables(states())).toMatchInlineSnapshot(`
      "What the last loop does to small disturbances
      loops  radius of directions  radius of states  norm  found
      -----  --------------------  ----------------  ----  -----------
          2                 0.900             1.100  3.00  eigenvalues

      States in a run of 2 loops
      loops    loss  KL to last  agrees  rank  norm  change  2nd diff.  angle  curvature  anisotropy  entropy  eff. rank
      -----  ------  ----------  ------  ----  ----  ------  ---------  -----  ---------  ----------  -------  ---------
          0                                       3                                90.0°       0.250    2.500       12.0
          1  3.5000      0.2000    50 %     1     3  0.4000              5.7°      90.0°       0.250    2.500       12.0
          2  3.0000      0.0000   100 %     1     3  0.2000              5.7°      90.0°       0.250    2.500       12.0

      How alike the states are in a run of 2 loops
      CKA      0      1      2
      ---  -----  -----  -----
      0    1.000  0.500  0.250
      1    0.500  1.000  0.750
      2    0.250  0.750  1.000

      What would be predicted next, in a run of 2 loops
      after  1 loop     2 loops
      -----  ---------  ---------
      "a"    "b|" 25 %  "b|" 50 %"
    `);
  });

  it("draws what each loop does, run by run, and the paths of tokens", () => {
    const { charts } = pageOf(states());
    expect(charts.map(({ title }) => title)).toMatchInlineSnapshot(`
      [
        "a: how far each loop moves the states",
        "a: what turning the dial costs",
        "a: how far predictions are from the last loop's",
        "a: curvature of texts",
        "a: anisotropy of texts",
        "a: entropy of texts",
        "a: effective rank of texts",
        "a: how alike states are to the last loop's",
        "a: orbits of single tokens",
      ]
    `);
    expect(charts[0]?.series[0]?.points).toEqual([
      { x: 1, y: 0.4, low: 0.2, high: 0.8 },
      { x: 2, y: 0.2, low: 0.1, high: 0.4 },
    ]);
    expect(charts.at(-1)?.series[0]?.points.map(({ x, y }) => [x, y])).toEqual([
      [0, 0],
      [0.5, 0.5],
      [1, 1],
    ]);
    for (const [file, content] of reportFiles(states(), "x"))
      if (file.endsWith(".svg")) expect(content).toContain("<svg");
  });

  it("is one HTML file as well: every drawing inside, likeness shaded, texts escaped, no script", () => {
    const { model } = states();
    const files = reportFiles({ ...states(), model: { ...model, name: "a<b>" } }, "x");
    const html = files.get("x.html") ?? "";
    expect(html).toContain(
      '<h1>a&lt;b&gt;: inside its loops</h1>\n<p class="lead">Settling. Up to 2 loops are safe.</p>',
    );
    const drawings = [...html.matchAll(/<img alt="[^"<>]*" src="data:image\/svg\+xml,([^"]*)">/g)];
    const inside = drawings.map(([, drawing = ""]) => decodeURIComponent(drawing));
    expect(inside).toEqual(
      [...files].filter(([file]) => file.endsWith(".svg")).map(([, drawing]) => drawing),
    );
    expect(html).toMatch(/<td style="background: rgb\(42 120 214 \/ 0\.750\)">1\.000<\/td>/);
    expect(html).toContain("<li>command: gyre analyze runs/a</li>");
    expect(html).not.toMatch(/<script|<b>/);
    expect([...reportFiles(one, "x").keys()].some((file) => file.endsWith(".html"))).toBe(false);
  });
});
