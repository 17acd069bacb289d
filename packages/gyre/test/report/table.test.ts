import { describe, expect, it } from "vitest";
import { reportMarkdown } from "../../src/report/markdown.ts";
import { reportTable, spreadContent, tableContent } from "../../src/report/table.ts";
import { errorOf } from "../checkpoint/helpers.ts";
import { model, point, report, schedules } from "./reports.ts";

const budgets = [
  point(1, 4.1, { stderr: 0.012 }),
  point(2, 3.8),
  point(4, 3.52),
  point(8, 3.55, { elapsedMs: 12_345 }),
];
const one = report([model("small", budgets)]);
const two = report([
  model("looped | 8", budgets),
  model("gpt <wide>", [point(1, 3.6)], { family: "gpt", parameters: 5_400_000, trainedLoops: 1 }),
]);

describe("reportTable", () => {
  it("marks the best of each column", () => {
    expect(reportTable(one)).toMatchInlineSnapshot(`
      "loops  FLOPs/token             loss   perplexity   bits/byte      time  trajectory
      -----  -----------  ----------------  -----------  ----------  -------  -----------
          1         7.2M  4.1000 ± 0.0120        60.34      1.4788    650 ms  uniform 1/1
          2        10.4M           3.8000        44.70      1.3706    900 ms  uniform 1/2
          4        16.8M           3.5200*       33.78*     1.2696*  1400 ms  uniform 1/4
          8        29.6M           3.5500        34.81      1.2804    12.3 s  uniform 1/8

      * best in its column"
    `);
  });

  it("names the models when there are several", () => {
    expect(reportTable(two)).toMatchInlineSnapshot(`
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

  it("shows the spread of schedules, then the ends and the uniform one", () => {
    expect(reportTable(schedules(8, 4))).toMatchInlineSnapshot(`
      "loops  schedule                         loss  perplexity  bits/byte  trajectory
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

  it("shows a uniform schedule that lies off the grid", () => {
    expect(reportTable(schedules(4, 3))).toMatchInlineSnapshot(`
      "loops  schedule                       loss  perplexity  bits/byte  trajectory
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

  it("shows a single schedule as the best of one", () => {
    const single = report([model("a", [point(1, 3)])], "trajectories");
    expect(spreadContent(single).rows.map((row) => row?.map(({ text }) => text))).toEqual([
      ["1", "best of 1", "3.0000", "20.09", "1.0820", "(8)/8"],
    ]);
  });

  it("needs a point", () => {
    for (const of of [tableContent, spreadContent, reportTable]) {
      expect(errorOf(() => of(report([model("a", [])]))).code).toBe("EVAL_REPORT_EMPTY");
    }
  });
});

describe("reportMarkdown", () => {
  it("holds the figure, the table and where the numbers come from", () => {
    expect(reportMarkdown(two)).toMatchInlineSnapshot(`
      "# looped \\| 8, gpt \\<wide\\>: quality at every budget

      ![bits per byte against compute](report.svg)

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

  it("holds the spread of schedules", () => {
    expect(reportMarkdown(schedules(4, 2), { figure: "figures/my plot.svg" })).toMatchInlineSnapshot(`
      "# looped: quality of schedules

      ![bits per byte against schedule](figures/my%20plot.svg)

      | loops | schedule | loss | perplexity | bits/byte | trajectory |
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

  it("says that a commit is unknown, and keeps any command in its code span", () => {
    const { commit, ...provenance } = one.provenance;
    expect(commit).toBe("0123abc");
    const text = reportMarkdown({ ...one, provenance, command: "gyre eval `x` ``y``\n*z*" });
    expect(text).toContain("- commit: unknown\n");
    expect(text).toContain("- command: ``` gyre eval `x` ``y`` *z* ```\n");
  });
});
