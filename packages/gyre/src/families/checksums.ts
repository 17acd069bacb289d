import { badSums } from "./errors.ts";

/** The checksums of an exported folder, in the format of the program sha256sum, which can check them too. */
export const sumsFile = "SHA256SUMS";

/** The text of SHA256SUMS from checksums in hexadecimal by file name. */
export const printSums = (sums: ReadonlyMap<string, string>): string =>
  [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join("");

/** Checksums by file name from the text of SHA256SUMS. Throws OFFICIAL_SUMS, naming `source`. */
export function parseSums(text: string, source: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return new Map(
    lines.map((line) => {
      const [, sum, name] = /^([0-9a-f]{64}) [ *](\S.*)$/.exec(line.trimEnd()) ?? [];
      if (sum === undefined || name === undefined) throw badSums(source, line);
      return [name.replace(/^\.\//, ""), sum];
    }),
  );
}
