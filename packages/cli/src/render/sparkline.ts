const bars = "▁▂▃▄▅▆▇█";

/** The last values as a row of bars, averaged in groups down to `width`; empty for fewer than two values. */
export function sparkline(values: readonly number[], width: number): string {
  if (values.length < 2) return "";
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, index) => {
    const group = values.slice(
      Math.floor((index * values.length) / count),
      Math.floor(((index + 1) * values.length) / count),
    );
    return group.reduce((sum, value) => sum + value, 0) / group.length;
  });
  const low = Math.min(...means);
  const span = Math.max(...means) - low || 1;
  return means.map((mean) => bars[Math.round(((mean - low) / span) * (bars.length - 1))]).join("");
}
