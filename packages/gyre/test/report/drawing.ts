import { type Box, isOverlapping } from "../../src/report/labels.ts";
import { textWidth } from "../../src/report/svg.ts";
import { descendants, parseXml, type XmlElement } from "./xml.ts";

/** Every element of a drawing; throws where it is not well-formed. */
export const elementsOf = (svg: string): XmlElement[] => descendants(parseXml(svg));

export const textsOf = (all: readonly XmlElement[]): string[] =>
  all.filter(({ tag }) => tag === "text").map(({ text }) => text);

/** Lines of series: paths with rounded corners. */
export const linesOf = (all: readonly XmlElement[]): XmlElement[] =>
  all.filter(({ tag, attributes }) => tag === "path" && attributes["stroke-linejoin"] === "round");

export const markersOf = (all: readonly XmlElement[]): XmlElement[] =>
  all.filter(({ tag, attributes }) => tag === "circle" || (tag === "polygon" && !attributes["fill-opacity"]));

/** Error bars: an upright with two caps. */
const bars = /^M([\d.]+) ([\d.]+)V([\d.]+)M.*h10M.*h10$/;
export const barsOf = (all: readonly XmlElement[]): Box[] =>
  all.flatMap(({ attributes }) => {
    const [, x, from, to] = bars.exec(attributes["d"] ?? "") ?? [];
    if (x === undefined) return [];
    const ends = [Number(from), Number(to)];
    return [{ left: Number(x) - 5, right: Number(x) + 5, top: Math.min(...ends), bottom: Math.max(...ends) }];
  });

/** Where a text stands, by a careful estimate of its width; undefined for one that is turned. */
function boxOf({ attributes, text }: XmlElement): Box | undefined {
  if (attributes["transform"]) return undefined;
  const [x, y, size] = [Number(attributes["x"]), Number(attributes["y"]), Number(attributes["font-size"])];
  const width = 0.8 * textWidth(text, size);
  const left =
    x -
    (attributes["text-anchor"] === "end" ? width : attributes["text-anchor"] === "middle" ? width / 2 : 0);
  return { left, right: left + width, top: y - 0.75 * size, bottom: y + 0.1 * size };
}

/** What overlaps in a drawing: two texts, or a text and an error bar. */
export function collisionsOf(all: readonly XmlElement[]): string[] {
  const texts = all
    .filter(({ tag }) => tag === "text")
    .flatMap((one) => {
      const box = boxOf(one);
      return box ? [{ text: one.text, box }] : [];
    });
  const things = [...texts, ...barsOf(all).map((box) => ({ text: "an error bar", box }))];
  return texts.flatMap((one, index) =>
    things
      .slice(index + 1)
      .filter((other) => isOverlapping(one.box, other.box))
      .map((other) => `${one.text} x ${other.text}`),
  );
}
