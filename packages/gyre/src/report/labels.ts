import { mean } from "../util/statistics.ts";
import { MARKER_RADIUS, textWidth } from "./svg.ts";

/** A rectangle of the drawing. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** A text that wants to stand near a point; those of higher `weight` choose first. */
interface Label extends Place {
  readonly text: string;
  readonly size: number;
  readonly weight: number;
}

export interface PlacedLabel<Item extends Label> {
  readonly label: Item;
  /** Where the text begins, on its baseline. */
  readonly x: number;
  readonly y: number;
  readonly box: Box;
}

interface Surroundings {
  /** No label leaves it. */
  readonly room: Box;
  /** No label covers these: markers, error bars. */
  readonly taken: readonly Box[];
  /** Labels keep off these lines where they can. */
  readonly lines: readonly (readonly Place[])[];
}

/**
 * Puts each label above, below or beside its point where it meets no other label, no marker, no error bar and no edge of the
 * room, keeping off the lines where possible. Labels for which there is no room are left out.
 */
export function placeLabels<Item extends Label>(
  labels: readonly Item[],
  { room, taken: fixed, lines }: Surroundings,
): PlacedLabel<Item>[] {
  const taken = [...fixed];
  const onLines = lines.flatMap(sampled);
  const placed: PlacedLabel<Item>[] = [];
  for (const label of labels.toSorted((a, b) => b.weight - a.weight)) {
    const free = positions(label)
      .filter((box) => isInside(box, room) && !taken.some((other) => isOverlapping(box, other)))
      .map((box) => ({
        box,
        crossings: onLines.filter(({ x, y }) => isOverlapping(box, boxAround(x, y, 1, 1))).length,
      }));
    const least = Math.min(...free.map(({ crossings }) => crossings));
    const best = free.find(({ crossings }) => crossings === least)?.box;
    if (!best) continue;
    taken.push(best);
    placed.push({ label, x: best.left, y: best.bottom - 0.22 * label.size, box: best });
  }
  return placed;
}

/** Eight places around a point, near it and then further away. */
function positions({ x, y, text, size }: Label): Box[] {
  const [halfWidth, halfHeight] = [textWidth(text, size) / 2, size / 2];
  return [1, 3, 10, 20].flatMap((gap) => {
    const dx = MARKER_RADIUS + gap + halfWidth;
    const dy = MARKER_RADIUS + gap + halfHeight;
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
    return offsets.map(([right, down]) => boxAround(x + right, y + down, halfWidth, halfHeight));
  });
}

/** Texts one below the other, each as near as can be to the height that it wants. */
export interface Stacked {
  readonly y: number;
  readonly height: number;
}

interface Block {
  readonly members: readonly number[];
  readonly height: number;
  readonly middle: number;
}

/**
 * Middles of texts of these heights that want to stand at `y`, moved apart so that none overlaps, in the order of their
 * wishes, within the room from `top` to `bottom` where they fit.
 */
export function stack(items: readonly Stacked[], top: number, bottom: number): number[] {
  const order = items.map((_, index) => index).sort((a, b) => (items[a]?.y ?? 0) - (items[b]?.y ?? 0));
  const inRoom = (members: readonly number[]): Block => {
    const { height, middle } = blockOf(items, members);
    return { members, height, middle: Math.max(top + height / 2, Math.min(bottom - height / 2, middle)) };
  };
  // neighbours that would overlap become one block
  const blocks: Block[] = [];
  for (const index of order) {
    let block = inRoom([index]);
    for (let last = blocks.at(-1); last; last = blocks.at(-1)) {
      if (last.middle + last.height / 2 <= block.middle - block.height / 2 + 1e-9) break;
      block = inRoom([...last.members, ...block.members]);
      blocks.pop();
    }
    blocks.push(block);
  }
  const places = items.map(({ y }) => y);
  for (const { members, height, middle } of blocks) {
    let at = middle - height / 2;
    for (const index of members) {
      const own = items[index]?.height ?? 0;
      places[index] = at + own / 2;
      at += own;
    }
  }
  return places;
}

/** A block of texts without gaps, its middle where its members' wishes lie on average. */
function blockOf(items: readonly Stacked[], members: readonly number[]): Omit<Block, "members"> {
  const height = members.reduce((sum, index) => sum + (items[index]?.height ?? 0), 0);
  let above = 0;
  const wanted = members.map((index) => {
    const { y, height: own } = items[index] as Stacked;
    const middle = y - (above + own / 2 - height / 2);
    above += own;
    return middle;
  });
  return { height, middle: mean(wanted) };
}

export function boxAround(x: number, y: number, halfWidth: number, halfHeight: number): Box {
  return { left: x - halfWidth, top: y - halfHeight, right: x + halfWidth, bottom: y + halfHeight };
}

function isInside(box: Box, room: Box): boolean {
  return box.left >= room.left && box.right <= room.right && box.top >= room.top && box.bottom <= room.bottom;
}

export function isOverlapping(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function sampled(line: readonly Place[]): Place[] {
  return line.slice(1).flatMap((end, index) => {
    const start = line[index] ?? end;
    const pieces = Math.max(1, Math.ceil(Math.hypot(end.x - start.x, end.y - start.y) / 4));
    return Array.from({ length: pieces + 1 }, (_, piece) => ({
      x: start.x + ((end.x - start.x) * piece) / pieces,
      y: start.y + ((end.y - start.y) * piece) / pieces,
    }));
  });
}
