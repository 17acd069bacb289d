import { parameterCount } from "../models/parameters.ts";
import { escaped, htmlPage, row } from "./html.ts";
import type { ServedModel } from "./plan.ts";

const links = `<p><a href="docs">Every path and field</a> · <a href="v1/models">models as JSON</a> ·
<a href="openapi.json">OpenAPI</a></p>`;

/** What somebody sees who opens the server in a browser; with no models where a key is asked for to see them. */
export function homePage(models: readonly ServedModel[] | undefined): Response {
  const intro = `<p>This is <code>gyre serve</code>: OpenAI's API for looped transformers. Every request chooses how
often the model's core runs, so that one model answers fast or thoroughly.</p>`;
  if (!models) return htmlPage("gyre", `${intro}${links}<p>Requests to <code>/v1</code> need the key.</p>`);
  const rows = models.map(({ id, spec }) => {
    const { family, layers, loops, context } = spec;
    return row(id, family, `${layers.core}`, `1 to ${loops}`, `${context}`, `${parameterCount(spec)}`);
  });
  const heads = ["model", "family", "core layers", "loops", "context", "parameters"];
  const table = `<table><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>${rows.join("")}</table>`;
  const fields = JSON.stringify({ model: models[0]?.id, prompt: "Once", max_tokens: 40, loops: 1 });
  const call = `curl THIS_ADDRESS/v1/completions -H "Content-Type: application/json" -d '${fields}'`;
  return htmlPage("gyre", `${intro}${table}${links}<pre>${escaped(call)}</pre>`);
}
