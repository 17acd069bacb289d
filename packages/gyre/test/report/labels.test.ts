import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boxAround, isOverlapping, placeLabels, stack } from "../../src/report/labels.ts";

const room = { left: 0, right: 400, top: 0, bottom: 300 };

describe("placeLabels", () => {
  it("keeps texts apart, off what is taken, and in the room", () => {
    const number = fc.integer({ min: 0, max: 300 });
    fc.assert(
      fc.property(fc.array(fc.record({ x: number, y: number }), { maxLength: 12 }), (points) => {
        const labels = points.map((place, index) => ({
          ...place,
          text: `label ${index}`,
          size: 11,
          weight: index,
        }));
        const taken = points.map(({ x, y }) => boxAround(x, y, 5, 5));
        const boxes = placeLabels(labels, { room, taken, lines: [points] }).map(({ box }) => box);
        for (const [index, box] of boxes.entries()) {
          expect([...boxes.slice(index + 1), ...taken].some((other) => isOverlapping(box, other))).toBe(
            false,
          );
          expect(
            Math.min(box.left, box.top, room.right - box.right, room.bottom - box.bottom),
          ).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("lets those of higher weight choose first, and leaves out what has no room", () => {
    const small = { left: 0, right: 60, top: 0, bottom: 40 };
    const label = (text: string, weight: number) => ({ x: 30, y: 20, text, size: 11, weight });
    const placed = placeLabels([label("first", 1), label("second", 2), label("a very long third one", 3)], {
      room: small,
      taken: [],
      lines: [],
    });
    expect(placed.map(({ label: { text } }) => text)).toEqual(["second", "first"]);
  });
});

describe("stack", () => {
  it("leaves texts where they want to be where they do not meet", () => {
    expect(
      stack(
        [
          { y: 50, height: 10 },
          { y: 20, height: 10 },
        ],
        0,
        100,
      ),
    ).toEqual([50, 20]);
  });

  it("moves those that meet apart by as little as can be", () => {
    expect(
      stack(
        [
          { y: 50, height: 10 },
          { y: 50, height: 10 },
          { y: 53, height: 10 },
        ],
        0,
        100,
      ),
    ).toEqual([41, 51, 61]);
  });

  it("keeps the order, the distance and the room", () => {
    const items = fc.array(
      fc.record({ y: fc.integer({ min: -20, max: 220 }), height: fc.constantFrom(10, 18) }),
      {
        minLength: 1,
        maxLength: 11,
      },
    );
    fc.assert(
      fc.property(items, (wanted) => {
        const places = stack(wanted, 0, 200);
        const sorted = wanted
          .map(({ y, height }, index) => ({ y, height, at: places[index]! }))
          .sort((a, b) => a.at - b.at);
        for (const [index, { at, height, y }] of sorted.entries()) {
          expect(at - height / 2).toBeGreaterThanOrEqual(-1e-9);
          expect(at + height / 2).toBeLessThanOrEqual(200 + 1e-9);
          const next = sorted[index + 1];
          if (!next) continue;
          expect(next.at - at).toBeGreaterThanOrEqual((height + next.height) / 2 - 1e-9);
          expect(next.y).toBeGreaterThanOrEqual(y);
        }
      }),
    );
  });
});
