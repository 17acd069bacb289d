const prefixes = ["", "k", "M", "G", "T", "P"];

/** A number with three significant digits and an SI prefix: `12.3M`. */
export function siText(value: number): string {
  const isSmall = Math.abs(value) < 999.5;
  const exponent = isSmall ? 0 : Math.floor(Math.log10(Number(value.toPrecision(3))) / 3);
  const step = Math.min(exponent, prefixes.length - 1);
  return `${Number((value / 1000 ** step).toPrecision(3))}${prefixes[step]}`;
}

/** A whole number with thousands separated: `65,536`. */
export function groupedText(value: number): string {
  return value.toLocaleString("en-US");
}

/** A number of milliseconds as read in a table: `412 ms`, `12.3 s`. */
export function milliseconds(value: number): string {
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}
