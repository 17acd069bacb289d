/** 75 s as "1m15s", 3,700 s as "1h01m", 200,000 s as "2d7h". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole >= 48 * 3600) return `${Math.floor(whole / 86400)}d${Math.floor(whole / 3600) % 24}h`;
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
}

/** 12,345 as "12.3k". */
export function short(value: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)}${unit}`;
  }
  return String(Math.round(value));
}

/** 12,345,678 bytes as "11.8 MiB". */
export function bytesText(bytes: number): string {
  const [unit, size] = (
    [
      ["GiB", 2 ** 30],
      ["MiB", 2 ** 20],
      ["KiB", 2 ** 10],
    ] as const
  ).find(([, least]) => bytes >= least) ?? ["bytes", 1];
  return size === 1 ? `${bytes} bytes` : `${(bytes / size).toPrecision(3)} ${unit}`;
}

/** A number of things, in words: "1 layer", "2 layers". */
export const counted = (number: number, thing: string): string =>
  `${number} ${thing}${number === 1 ? "" : "s"}`;
