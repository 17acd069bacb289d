import { escaped, htmlPage, row } from "./html.ts";
import type { OpenApi } from "./openapi.ts";

interface Shape {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
}

/** The OpenAPI document as a page. */
export function docsPage(document: OpenApi): Response {
  const paths = Object.entries(document.paths).map(([path, operations]) => {
    const method = "post" in operations ? "POST" : "GET";
    const { summary, responses } = "post" in operations ? operations.post : operations.get;
    const rows = Object.entries(responses as Record<string, { description: string }>).map(
      ([status, { description }]) => row(status, description),
    );
    return `<h3><code>${method} ${escaped(path)}</code></h3><p>${escaped(summary)}</p><table>${rows.join("")}</table>`;
  });
  const schemas = Object.entries(document.components.schemas as Record<string, Shape>).map(
    ([name, shape]) => `<h3 id="${name}">${name}</h3><table>${fields(shape, "").join("")}</table>`,
  );
  const { title, description } = document.info;
  const intro = `<p>${escaped(description)} <a href="openapi.json">openapi.json</a></p>`;
  return htmlPage(title, `${intro}<h2>Paths</h2>${paths.join("\n")}<h2>Bodies</h2>${schemas.join("\n")}`);
}

/** A row for each field, those of inner objects under dotted names. */
function fields(shape: Shape, prefix: string): string[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isRequired = shape.required?.includes(name) ?? false;
    const text = [isRequired ? "required" : "", field.description ?? ""]
      .filter((part) => part !== "")
      .join(": ");
    return [row(path, typeText(field), text), ...fields(innerOf(field), `${path}.`)];
  });
}

/** The object within a field, be it in a list or one of several forms. */
function innerOf(shape: Shape): Shape {
  if (shape.items) return innerOf(shape.items);
  const inner = shape.anyOf?.map(innerOf).find(({ properties }) => properties);
  return inner ?? shape;
}

function typeText(shape: Shape): string {
  if (shape.anyOf) return [...new Set(shape.anyOf.map(typeText))].join(" | ");
  if (shape.items) return `${typeText(shape.items)}[]`;
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  return (
    shape.enum?.map((value) => JSON.stringify(value)).join(" | ") ?? [shape.type ?? "any"].flat().join(" | ")
  );
}
