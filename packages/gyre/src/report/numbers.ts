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

/** A number with three significant digits: `0.123`, `1.2e-7`. */
export const numberText = (value: number): string =>
  value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e5)
    ? String(Number(value.toPrecision(3)))
    : value.toExponential(1);

/** A number of things: "1 loop", "2 loops". */
export const counted = (count: number, thing: string): string =>
  `${groupedText(count)} ${thing}${count === 1 ? "" : "s"}`;
