import type { Registry } from "prom-client";
import type { Metrics } from "./answers.ts";
import { loadPrometheus } from "./packages.node.ts";
import type { ServedModel } from "./plan.ts";

type Prometheus = typeof import("prom-client");

/** The server's numbers for Prometheus, in a registry of their own. Throws SERVE_PACKAGES. */
export async function prometheus(models: readonly ServedModel[]): Promise<Metrics> {
  const client = await loadPrometheus();
  const { Counter, collectDefaultMetrics, Histogram, Registry } = client;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const responses = new Counter({
    name: "gyre_responses_total",
    help: "Answers that began",
    labelNames: ["route", "status"] as const,
    registers,
  });
  const delay = new Histogram({
    name: "gyre_response_start_seconds",
    help: "Time from a request to the beginning of its answer",
    labelNames: ["route"] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const tokens = new Counter({
    name: "gyre_tokens_total",
    help: "Tokens of whole answers",
    labelNames: ["model", "kind"] as const,
    registers,
  });
  const blockPasses = new Counter({
    name: "gyre_block_passes_total",
    help: "Layers applied to tokens of whole answers",
    labelNames: ["model"] as const,
    registers,
  });
  addLoads(client, models, registers);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    answered(route, status, seconds) {
      responses.inc({ route, status });
      delay.observe({ route }, seconds);
    },
    wrote(model, promptTokens, ends) {
      tokens.inc({ model, kind: "prompt" }, promptTokens);
      for (const end of ends) {
        tokens.inc({ model, kind: "completion" }, end.loops.length);
        blockPasses.inc({ model }, end.blockPasses);
      }
    },
  };
}

/** What the engines hold, read when somebody asks. */
function addLoads({ Gauge }: Prometheus, models: readonly ServedModel[], registers: Registry[]): void {
  const gauge = (name: string, help: string, read: (model: ServedModel) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["model"] as const,
      registers,
      collect() {
        for (const model of models) this.set({ model: model.id }, read(model));
      },
    });
  gauge("gyre_up", "1 while the model's worker runs", ({ engine }) => (engine.failure === undefined ? 1 : 0));
  gauge("gyre_texts_pending", "Texts that are written or wait", ({ engine }) => engine.pending);
  gauge("gyre_streams_running", "Streams that have a slot", ({ engine }) => engine.load.running);
  gauge("gyre_streams_waiting", "Streams that wait for a slot", ({ engine }) => engine.load.waiting);
  gauge("gyre_cache_bytes", "Keys and values of running streams", ({ engine }) => engine.load.cacheBytes);
  gauge("gyre_core_calls", "Calls of the core since the start", ({ engine }) => engine.load.calls);
  gauge("gyre_stream_loops", "Loops of streams in those calls", ({ engine }) => engine.load.streamLoops);
}
