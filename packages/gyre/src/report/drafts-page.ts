import type { Chart } from "./chart.ts";
import { counted } from "./numbers.ts";
import { type Page, stepText } from "./page.ts";
import type { Calibration, ReportOf, TimedDraft } from "./report.ts";
import { type Column, tableOf } from "./table.ts";

/** A draft has to be so much faster than plain decoding to be used. */
export const WORTHWHILE = 1.05;

/** The speeds of a draft and of plain decoding as they are shown, and their ratio, computed from these. */
function shownSpeeds({ tokensPerSecond, plainTokensPerSecond }: TimedDraft) {
  const [drafted, plain] = [Math.round(tokensPerSecond), Math.round(plainTokensPerSecond)];
  return { drafted: String(drafted), plain: String(plain), ratio: (drafted / plain).toFixed(2) };
}

const columns: readonly Column<TimedDraft>[] = [
  { title: "draft", align: "left", text: ({ draft }) => draftText(draft) },
  { title: "tokens/s", text: (row) => shownSpeeds(row).drafted },
  { title: "plain tokens/s", text: (row) => shownSpeeds(row).plain },
  { title: "speed-up", text: (row) => `${shownSpeeds(row).ratio}x` },
  { title: "kept", text: ({ acceptance }) => `${(100 * acceptance).toFixed(0)} %` },
  { title: "blocks/token", text: ({ blockPassesPerToken }) => blockPassesPerToken.toFixed(2) },
];

/** How much faster than plain decoding, in turn with it. */
export const speedup = ({ tokensPerSecond, plainTokensPerSecond }: TimedDraft): number =>
  tokensPerSecond / plainTokensPerSecond;

/** A draft as `--draft` takes it: kind, loops, tokens. */
export const draftText = ({ kind, loops, tokens }: TimedDraft["draft"]): string =>
  `${kind}:${loops}:${tokens}`;

/** What follows from a calibration, as a sentence. */
function verdict({ best, loops }: Calibration): string {
  return best
    ? `Texts of ${counted(loops, "loop")} are drafted with ${draftText(best)}.`
    : `No draft is faster than plain decoding by ${Math.round(100 * (WORTHWHILE - 1))} % or more: none is used.`;
}

/** The page of drafts: speed over plain decoding, a line for each number of drafting loops. */
export function draftsPage({ model, calibration, provenance }: ReportOf<"drafts">): Page {
  const { drafts, loops, tokens } = calibration;
  const rows = drafts.toSorted((a, b) => speedup(b) - speedup(a));
  return {
    title: `${model.name}: drafts`,
    lead: verdict(calibration),
    charts: drafts.length === 0 ? [] : [draftsChart(model.name, calibration, provenance.machine)],
    tables: [tableOf(columns, rows)],
    notes: [
      "Greedy text. Plain decoding and each draft were timed in turn; speeds are medians. `kept`: drafted tokens that all " +
        "loops would have chosen. `blocks/token`: layers applied for each token written.",
    ],
    sources: [
      { name: "model", text: `${model.name}${stepText(model)}` },
      { name: "protocol", text: `${tokens} tokens a turn, verified with ${counted(loops, "loop")}` },
    ],
  };
}

function draftsChart(name: string, { drafts, loops }: Calibration, machine: string): Chart {
  const kinds = [...new Set(drafts.map(({ draft }) => `${draft.kind}, ${counted(draft.loops, "loop")}`))];
  return {
    title: `${name}: speed of drafting, over plain decoding`,
    subtitle: `greedy, verified with ${counted(loops, "loop")} · ${machine}`,
    x: { title: "tokens drafted at a time", kind: "linear" },
    y: { title: "tokens per second, over plain decoding in turn", kind: "linear" },
    series: kinds.map((kind) => ({
      name: kind,
      points: drafts
        .filter(({ draft }) => `${draft.kind}, ${counted(draft.loops, "loop")}` === kind)
        .map((row) => ({ x: row.draft.tokens, y: speedup(row) })),
    })),
    guides: [
      { at: 1, text: "plain decoding", kind: "line" },
      { at: WORTHWHILE, text: "used from here on", kind: "line" },
    ],
  };
}
