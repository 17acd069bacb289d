/**
 * Six colours that stay apart for every kind of colour blindness (CIEDE2000 of 21 and more) and from the background
 * (a contrast of 3 and more), on white and, in the same order, on black.
 */
export const palette = ["#22309a", "#dd6f1e", "#00a28c", "#826ed8", "#a02c0c", "#555056"] as const;
export const darkPalette = ["#5c7cff", "#f8e14c", "#0fc48f", "#a77796", "#ea5a28", "#d5dbeb"] as const;
const shapes = ["circle", "square", "triangle", "diamond", "wedge", "cross"] as const;
const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** What a drawing is painted with; it brings its own background, so it reads on any page. */
export const ink = {
  background: "#ffffff",
  frame: "#dfe3e8",
  grid: "#e9ecf0",
  floor: "#f1f3f6",
  faint: "#ccd2da",
  axis: "#8a93a0",
  strong: "#1b2330",
  soft: "#5b6573",
};
export const darkInk: typeof ink = {
  background: "#14181f",
  frame: "#2b323d",
  grid: "#252b35",
  floor: "#1c222b",
  faint: "#4a5361",
  axis: "#7d8796",
  strong: "#eef1f6",
  soft: "#a3adbb",
};

/** A style sheet that turns every colour into its dark counterpart where the reader prefers that. */
function darkStyle(): string {
  const pairs = [
    ...Object.entries(ink).map(([name, light]) => [light, darkInk[name as keyof typeof ink]] as const),
    ...palette.map((light, index) => [light, darkPalette[index] ?? light] as const),
  ];
  const rules = pairs.flatMap(([light, dark]) =>
    ["fill", "stroke"].map((attribute) => `[${attribute}="${light}"]{${attribute}:${dark}}`),
  );
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
}

type Attributes = Readonly<Record<string, string | number>>;

/** One SVG element; texts must be escaped before they come here. */
export function element(tag: string, attributes: Attributes, ...children: readonly string[]): string {
  const shown = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "number" ? String(Math.round(value * 10) / 10) : escapeXml(value);
    return ` ${key}="${text}"`;
  });
  const inner = children.join("");
  return inner === "" ? `<${tag}${shown.join("")}/>` : `<${tag}${shown.join("")}>${inner}</${tag}>`;
}

export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd").replace(/[&<>"]/g, (c) => entities[c] ?? c);
}

/** A whole drawing with its background and a title for screen readers; dark where the reader prefers that. */
export function svgDocument(width: number, height: number, title: string, body: readonly string[]): string {
  const background = element("rect", {
    x: 0.5,
    y: 0.5,
    width: width - 1,
    height: height - 1,
    rx: 10,
    fill: ink.background,
    stroke: ink.frame,
  });
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "font-family": fontFamily,
    "font-size": 12,
  };
  const parts = [element("title", {}, escapeXml(title)), darkStyle(), background, ...body];
  return `${element("svg", attributes, ...parts.map((part) => `\n${part}`), "\n")}\n`;
}

interface TextStyle {
  readonly size?: number;
  readonly color?: string;
  readonly anchor?: "start" | "middle" | "end";
  readonly weight?: number;
  /** Paints a rim in the colour of the background, for texts over lines. */
  readonly halo?: boolean;
  /** Degrees of rotation around the position. */
  readonly rotate?: number;
}

export function svgText(x: number, y: number, text: string, style: TextStyle = {}): string {
  const { size = 12, color = ink.soft, anchor = "start", weight = 400, halo = false, rotate } = style;
  const attributes = {
    x,
    y,
    fill: color,
    "font-size": size,
    "text-anchor": anchor,
    ...(weight === 400 ? {} : { "font-weight": weight }),
    ...(halo
      ? { stroke: ink.background, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round" }
      : {}),
    ...(rotate === undefined ? {} : { transform: `rotate(${rotate} ${Math.round(x)} ${Math.round(y)})` }),
  };
  return element("text", attributes, escapeXml(text));
}

/** An upper estimate of the width of a text in pixels, since no font can be measured here. */
export function textWidth(text: string, size: number): number {
  return (
    [...text].reduce(
      (width, c) => width + (/[il.,:;|'! ]/.test(c) ? 0.36 : /[mwMW@%—]/.test(c) ? 0.98 : 0.63),
      0,
    ) * size
  );
}

/** The text, cut with an ellipsis where it would be wider than `width` pixels. */
export function fitText(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  let room = width - textWidth("…", size);
  const characters = [...text];
  const end = characters.findIndex((character) => {
    room -= textWidth(character, size);
    return room < 0;
  });
  return `${characters.slice(0, end).join("").trimEnd()}…`;
}

/** The text in as few lines of at most `width` pixels as can be, of about one length, broken at spaces. */
export function wrapText(text: string, size: number, width: number): string[] {
  let lines = brokenAt(text, size, width);
  for (let narrower = 0.98 * width; lines.length > 1 && narrower > 0; narrower -= 0.02 * width) {
    const shorter = brokenAt(text, size, narrower);
    if (shorter.length > lines.length) break;
    lines = shorter;
  }
  return lines.map((line) => fitText(line, size, width));
}

function brokenAt(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

export interface SeriesStyle {
  readonly color: string;
  readonly shape: (typeof shapes)[number];
}

/** Colour and shape of the n-th group of series: both differ, so that either is enough to tell groups apart. */
export function seriesStyle(group: number): SeriesStyle {
  const color = palette[group % palette.length] ?? ink.strong;
  return { color, shape: shapes[group % shapes.length] ?? "circle" };
}

/** How far a marker reaches from its middle. */
export const MARKER_RADIUS = 5;

/** Corners of the shapes, x and y in turn. */
const corners: Readonly<Record<Exclude<SeriesStyle["shape"], "circle">, readonly number[]>> = {
  square: [-4, -4, 4, -4, 4, 4, -4, 4],
  triangle: [0, -5.2, 5, 3.8, -5, 3.8],
  diamond: [0, -5.6, 5.6, 0, 0, 5.6, -5.6, 0],
  wedge: [0, 5.2, 5, -3.8, -5, -3.8],
  cross: [-2, -5, 2, -5, 2, -2, 5, -2, 5, 2, 2, 2, 2, 5, -2, 5, -2, 2, -5, 2, -5, -2, -2, -2],
};

/** A marker of a series; a hollow one is filled with the background. */
export function svgMarker(x: number, y: number, { color, shape }: SeriesStyle, isHollow = false): string {
  const paint = {
    fill: isHollow ? ink.background : color,
    stroke: isHollow ? color : ink.background,
    "stroke-width": isHollow ? 1.6 : 1.2,
  };
  if (shape === "circle") return element("circle", { cx: x, cy: y, r: 4.4, ...paint });
  const points = corners[shape].map((offset, index) => {
    return Math.round((offset + (index % 2 === 0 ? x : y)) * 10) / 10;
  });
  return element("polygon", { points: points.join(" "), ...paint, "stroke-linejoin": "round" });
}
