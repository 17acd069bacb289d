const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "0": "\0",
  "\n": "",
};

/**
 * Lists, dictionaries, strings and numbers as Python's `repr` writes them: some published files hold such text in a
 * field. Throws SyntaxError.
 */
export function parsePythonLiteral(text: string): unknown {
  const tokens = text.matchAll(
    /\s*(?:('(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*")|([[\]{},:])|(-?\d+(?:\.\d+)?)|(True|False|None)|(\S))/g,
  );
  const all = [...tokens];
  let next = 0;
  const fail = (): never => {
    throw new SyntaxError(`unexpected ${all[next]?.[0].trim() ?? "end"} in a Python literal`);
  };
  const mark = () => all[next]?.[2];
  const take = (wanted: string): void => {
    if (mark() !== wanted) fail();
    next++;
  };
  const items = (end: string, item: () => void): void => {
    next++;
    while (mark() !== end) {
      item();
      if (mark() !== end) take(",");
    }
    next++;
  };
  const value = (): unknown => {
    if (mark() === "[") {
      const list: unknown[] = [];
      items("]", () => list.push(value()));
      return list;
    }
    if (mark() === "{") {
      const entries: [string, unknown][] = [];
      items("}", () => {
        const key = String(value());
        take(":");
        entries.push([key, value()]);
      });
      return Object.fromEntries(entries);
    }
    const [, string, , number, constant] = all[next] ?? [];
    if (string === undefined && number === undefined && constant === undefined) fail();
    next++;
    if (string !== undefined) return unescaped(string.slice(1, -1));
    return number === undefined
      ? { True: true, False: false, None: null }[constant as "None"]
      : Number(number);
  };
  const parsed = value();
  if (next < all.length && all[next]?.[0].trim() !== "") fail();
  return parsed;
}

function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([\s\S]))/gi,
    (whole, byte?: string, short?: string, long?: string, letter?: string) => {
      const code = byte ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      if (letter === undefined) return whole;
      return escapes[letter] ?? (/[\\'"]/.test(letter) ? letter : whole);
    },
  );
}
