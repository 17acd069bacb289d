import { sha256Of } from "../util/checksum.ts";
import type { MeasuredModel, Report } from "./report.ts";

/** So many digits of a checksum tell measurements apart whose names are otherwise the same. */
const DIGITS = 6;

/**
 * A name for a report's files by what it measured: "budgets-first-1..6loops-65536tokens-3f2a1c". The same measurement has the
 * same name whenever and by whatever command it is made; other weights, data, budgets or settings have another.
 */
export function reportName(report: Report): string {
  const digest = sha256Of(JSON.stringify(measurementOf(report))).slice(0, DIGITS);
  return [report.kind, ...wordsOf(report), digest].join("-");
}

/** Everything that decides a report's numbers, and no number that was measured. */
function measurementOf(report: Report): unknown {
  const { data, seeds, machine } = report.provenance;
  const common = [report.kind, data, seeds ?? null];
  switch (report.kind) {
    case "budgets":
    case "trajectories": {
      const { protocol, models } = report;
      const routes = models.map(({ points, ...model }) => [
        idOf(model),
        points.map(({ trajectory }) => trajectory),
      ]);
      return [common, protocol, routes];
    }
    case "exits": {
      const { model, cachePolicy, tokens, series } = report;
      return [
        common,
        idOf(model),
        cachePolicy,
        tokens,
        series.map(({ name, points }) => [name, points.map((one) => one.name)]),
      ];
    }
    case "drafts": {
      const { model, calibration } = report;
      const { loops, tokens, drafts } = calibration;
      return [common, machine, idOf(model), loops, tokens, drafts.map(({ draft }) => draft)];
    }
    case "benchmarks": {
      const { benchmarks, models } = report;
      const routes = models.map(({ points, ...model }) => [idOf(model), points.map(({ budget }) => budget)]);
      return [common, benchmarks, routes];
    }
    case "states": {
      const { model, analysis, others } = report;
      return [
        common,
        idOf(model),
        analysis.tokens,
        analysis.runs.map(({ loops, tokens }) => [loops, tokens.length]),
        ...(others ? [others.map((other) => idOf(other.model))] : []),
      ];
    }
    case "answers": {
      const { task, problems, difficulties, models } = report;
      const routes = models.map(({ points, ...model }) => [
        idOf(model),
        points.map(({ trajectory }) => trajectory),
      ]);
      return [common, task, problems, difficulties, routes];
    }
    case "sweep": {
      const { name, measure, rungs, trials } = report;
      return [common, name, measure, rungs, trials.map(({ chosen }) => chosen)];
    }
    case "answer-exits": {
      const { model, task, problems, exits } = report;
      const asked = exits[0]?.scores.map(({ difficulty }) => difficulty);
      return [common, idOf(model), task, problems, asked, exits.map(({ name }) => name)];
    }
    case "lab": {
      const { title, charts, claims, settings } = report.findings;
      const drawn = charts.map(({ series }) =>
        series.map(({ name, points }) => [name, points.map(({ x }) => x)]),
      );
      return [common, title, drawn, claims.map(({ text }) => text), settings];
    }
    case "card":
      return [common, machine, idOf(report.model), report.baselines.map(({ name }) => name)];
  }
}

const idOf = ({ name, step, sha256 }: MeasuredModel) => [name, step ?? null, sha256 ?? null];

/** What a reader wants to know first, in words that a file can be called. */
function wordsOf(report: Report): string[] {
  switch (report.kind) {
    case "budgets":
    case "trajectories": {
      const { models, protocol } = report;
      const points = models.flatMap((model) => model.points);
      const count = report.kind === "trajectories" ? [`${points.length}trajectories`] : [];
      return [
        namesOf(models),
        loopsOf(points.map(({ loops }) => loops)),
        ...count,
        `${protocol.tokens}tokens`,
      ];
    }
    case "exits":
      return [namesOf([report.model]), report.cachePolicy, `${report.tokens}tokens`];
    case "drafts":
      return [namesOf([report.model]), `${report.calibration.tokens}tokens`];
    case "benchmarks": {
      const { benchmarks, models } = report;
      const loops = loopsOf(models.flatMap(({ points }) => points.map((point) => point.loops)));
      return [
        namesOf(models),
        benchmarks.length === 1 ? plain(benchmarks[0]?.name ?? "") : `${benchmarks.length}tasks`,
        loops,
      ];
    }
    case "states": {
      const { runs, tokens } = report.analysis;
      const models = [report, ...(report.others ?? [])].map(({ model }) => model);
      return [namesOf(models), loopsOf(runs.map(({ loops }) => loops)), `${tokens}tokens`];
    }
    case "answers": {
      const { task, models, problems } = report;
      const loops = loopsOf(models.flatMap(({ points }) => points.map((point) => point.loops)));
      return [namesOf(models), plain(`${task.name} ${task.variant ?? ""}`), loops, `${problems}problems`];
    }
    case "sweep":
      return [plain(report.name), `${report.trials.length}trials`];
    case "answer-exits": {
      const { model, task, problems } = report;
      return [namesOf([model]), plain(`${task.name} ${task.variant ?? ""}`), `${problems}problems`];
    }
    case "lab":
      return [plain(report.findings.title)];
    case "card":
      return [namesOf([report.model])];
  }
}

/** The names of one or two models, or of the first and the number of the others. */
function namesOf(models: readonly MeasuredModel[]): string {
  const names = models.map(({ name }) => plain(name.split(/[\\/]/).at(-1) ?? name));
  return names.length <= 2 ? names.join("-") : `${names[0]}-and-${names.length - 1}-others`;
}

/** "as-served" where nobody said how many. */
function loopsOf(given: readonly (number | undefined)[]): string {
  const all = given.filter((loops) => loops !== undefined);
  if (all.length === 0) return "as-served";
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return least === most ? `${least}loop${least === 1 ? "" : "s"}` : `${least}..${most}loops`;
}

/** A text of letters, digits and hyphens. */
const plain = (text: string) =>
  text
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .toLowerCase() || "model";
