const style = `body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}
td,th{padding:.1rem 1rem .1rem 0;vertical-align:top;text-align:left}code,pre{background:#8882;padding:0 .2em}
pre{padding:.5em;overflow:auto}`;

/** A page of HTML that needs nothing else, and may load nothing else. */
export function htmlPage(title: string, body: string): Response {
  const text = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width"><style>${style}</style>
<h1>${escaped(title)}</h1>${body}</html>\n`;
  return new Response(text, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    },
  });
}

/** Text for HTML; what stands between backticks is code. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`).replace(/`([^`]*)`/g, "<code>$1</code>");

/** A row of a table, the first cell in code. */
export const row = (name: string, ...cells: readonly string[]): string =>
  `<tr><td><code>${escaped(name)}</code></td>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
