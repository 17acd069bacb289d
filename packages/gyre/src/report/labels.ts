import { textWidth } from "./svg.ts";

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A text that wants to stand near a point; those of higher `weight` choose first. */
export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly weight: number;
}

export interface PlacedLabel<Item extends Label> {
  readonly label: Item;
  /** Where the text begins, on its baseline. */
  readonly x: number;
  readonly y: number;
}

const markerRadius = 6;

/**
 * Puts each label above, below or beside its point where it meets no other label, no marker and no edge of the
 * frame, keeping off the lines where possible. Labels for which there is no room are left out.
 */
export function placeLabels<Item extends Label>(
  labels: readonly Item[],
  frame: Box,
  size: number,
  lines: readonly (readonly { readonly x: number; readonly y: number }[])[],
): PlacedLabel<Item>[] {
  const taken: Box[] = labels.map(({ x, y }) => boxAround(x, y, markerRadius, markerRadius));
  const onLines = lines.flatMap(sampled);
  const placed: PlacedLabel<Item>[] = [];
  for (const label of labels.toSorted((a, b) => b.weight - a.weight)) {
    const width = textWidth(label.text, size);
    const free = positions(label, width, size)
      .filter((box) => isInside(box, frame) && !taken.some((other) => isOverlapping(box, other)))
      .map((box) => ({
        box,
        crossings: onLines.filter(({ x, y }) => isOverlapping(box, boxAround(x, y, 1, 1))).length,
      }));
    const least = Math.min(...free.map(({ crossings }) => crossings));
    const best = free.find(({ crossings }) => crossings === least);
    if (!best) continue;
    taken.push(best.box);
    placed.push({ label, x: best.box.left, y: best.box.bottom - 0.22 * size });
  }
  return placed;
}

function positions({ x, y }: Label, width: number, height: number): Box[] {
  const dx = markerRadius + 2 + width / 2;
  const dy = markerRadius + 1 + height / 2;
  const offsets: readonly (readonly [number, number])[] = [
    [0, -dy],
    [0, dy],
    [dx, -0.6 * dy],
    [-dx, 0.6 * dy],
    [dx, 0.6 * dy],
    [-dx, -0.6 * dy],
    [dx, 0],
    [-dx, 0],
  ];
  return offsets.map(([right, down]) => boxAround(x + right, y + down, width / 2, height / 2));
}

function boxAround(x: number, y: number, halfWidth: number, halfHeight: number): Box {
  return { left: x - halfWidth, top: y - halfHeight, right: x + halfWidth, bottom: y + halfHeight };
}

function isInside(box: Box, frame: Box): boolean {
  return (
    box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom
  );
}

function isOverlapping(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function sampled(line: readonly { readonly x: number; readonly y: number }[]): { x: number; y: number }[] {
  return line.slice(1).flatMap((end, index) => {
    const start = line[index] ?? end;
    const pieces = Math.max(1, Math.ceil(Math.hypot(end.x - start.x, end.y - start.y) / 4));
    return Array.from({ length: pieces + 1 }, (_, piece) => ({
      x: start.x + ((end.x - start.x) * piece) / pieces,
      y: start.y + ((end.y - start.y) * piece) / pieces,
    }));
  });
}
