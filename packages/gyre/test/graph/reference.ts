import type { Tensor } from "../../src/util/tensor.ts";

// Plain loops over the definitions, sharing no code with the library.

const at = ({ data }: Tensor, index: number) => data[index] as number;

export function rmsNorm(x: Tensor, epsilon: number): number[] {
  const width = x.shape.at(-1) as number;
  return Array.from(x.data, (value, index) => {
    const row = [...x.data].slice(index - (index % width), index - (index % width) + width);
    return value / Math.sqrt(row.reduce((sum, other) => sum + other * other, 0) / width + epsilon);
  });
}

function softmaxRow(scores: readonly number[]): number[] {
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
  return scores.map((score) => Math.exp(score) / total);
}

/** Attention weights by sequence and head, row and key: zero for later keys. */
function weights(q: Tensor, k: Tensor): number[][][] {
  const [batch, heads, tokens, width] = q.shape as [number, number, number, number];
  return Array.from({ length: batch * heads }, (_, head) =>
    Array.from({ length: tokens }, (_unused, row) => {
      const scores = Array.from({ length: row + 1 }, (_unusedToo, key) => {
        let score = 0;
        for (let c = 0; c < width; c++)
          score += at(q, (head * tokens + row) * width + c) * at(k, (head * tokens + key) * width + c);
        return score;
      });
      return [...softmaxRow(scores), ...new Array<number>(tokens - row - 1).fill(0)];
    }),
  );
}

export function attention(q: Tensor, k: Tensor, v: Tensor): number[] {
  const [, , tokens, width] = q.shape as [number, number, number, number];
  return weights(q, k).flatMap((rows, head) =>
    rows.flatMap((row) =>
      Array.from({ length: width }, (_, c) =>
        row.reduce((sum, weight, key) => sum + weight * at(v, (head * tokens + key) * width + c), 0),
      ),
    ),
  );
}

/** The gradient of sum(attention * dy) by the textbook formulas of softmax and products. */
export function attentionGradient(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  dy: Tensor,
  of: "q" | "k" | "v",
): number[] {
  const [, , tokens, width] = q.shape as [number, number, number, number];
  const result = new Array<number>(q.data.length).fill(0);
  for (const [head, rows] of weights(q, k).entries()) {
    const index = (row: number, c: number) => (head * tokens + row) * width + c;
    for (const [row, own] of rows.entries()) {
      const dWeights = own.map((_, key) => {
        let sum = 0;
        for (let c = 0; c < width; c++) sum += at(dy, index(row, c)) * at(v, index(key, c));
        return sum;
      });
      const mean = own.reduce((sum, weight, key) => sum + weight * (dWeights[key] as number), 0);
      for (let key = 0; key < tokens; key++) {
        const weight = own[key] as number;
        const dScore = weight * ((dWeights[key] as number) - mean);
        for (let c = 0; c < width; c++) {
          const [to, part] =
            of === "q"
              ? [index(row, c), dScore * at(k, index(key, c))]
              : of === "k"
                ? [index(key, c), dScore * at(q, index(row, c))]
                : [index(key, c), weight * at(dy, index(row, c))];
          result[to] = (result[to] as number) + part;
        }
      }
    }
  }
  return result;
}

function classProbabilities(x: Tensor, w: Tensor): number[][] {
  const [rows, width] = x.shape as [number, number];
  const classes = w.shape[0] as number;
  return Array.from({ length: rows }, (_, row) =>
    softmaxRow(
      Array.from({ length: classes }, (_unused, label) => {
        let score = 0;
        for (let c = 0; c < width; c++) score += at(x, row * width + c) * at(w, label * width + c);
        return score;
      }),
    ),
  );
}

export function crossEntropy(x: Tensor, w: Tensor, targets: Tensor): number[] {
  return classProbabilities(x, w).map((row, index) => -Math.log(row[at(targets, index)] as number));
}

export function crossEntropyGradient(
  x: Tensor,
  w: Tensor,
  targets: Tensor,
  g: Tensor,
  of: "x" | "w",
): number[] {
  const width = x.shape[1] as number;
  const result = new Array<number>(of === "x" ? x.data.length : w.data.length).fill(0);
  for (const [row, probabilities] of classProbabilities(x, w).entries()) {
    for (const [label, probability] of probabilities.entries()) {
      const gap = at(g, row) * (probability - (at(targets, row) === label ? 1 : 0));
      for (let c = 0; c < width; c++) {
        const to = (of === "x" ? row : label) * width + c;
        result[to] =
          (result[to] as number) + gap * at(of === "x" ? w : x, (of === "x" ? label : row) * width + c);
      }
    }
  }
  return result;
}
