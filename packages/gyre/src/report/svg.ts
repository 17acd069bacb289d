/** Colours that stay apart for every kind of colour blindness (Okabe and Ito, without yellow, and two of Tol). */
const palette = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#aa4499",
  "#e69f00",
  "#56b4e9",
  "#3d4450",
  "#882255",
  "#999933",
] as const;
const markers = ["circle", "square", "triangle", "diamond", "wedge"] as const;
const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** What a figure is painted with; it brings its own background, so it reads on any page. */
export const ink = {
  background: "#ffffff",
  frame: "#dfe3e8",
  grid: "#e9ecf0",
  axis: "#8a93a0",
  strong: "#1b2330",
  soft: "#5b6573",
};

export type Attributes = Readonly<Record<string, string | number>>;

/** One SVG element; texts must be escaped before they come here. */
export function element(tag: string, attributes: Attributes, ...children: readonly string[]): string {
  const shown = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "number" ? String(Math.round(value * 100) / 100) : escapeXml(value);
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

/** A whole drawing with its background and a title for screen readers. */
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
  const parts = [element("title", {}, escapeXml(title)), background, ...body];
  return `${element("svg", attributes, ...parts.map((part) => `\n${part}`), "\n")}\n`;
}

export interface TextStyle {
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
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, size) > width) characters.pop();
  return `${characters.join("").trimEnd()}…`;
}

export interface SeriesStyle {
  readonly color: string;
  readonly shape: (typeof markers)[number];
}

/** Colour and shape of the n-th series: both differ, so that either is enough to tell series apart. */
export function seriesStyle(index: number): SeriesStyle {
  return {
    color: palette[index % palette.length] ?? ink.strong,
    shape: markers[index % markers.length] ?? "circle",
  };
}

/** A marker of a series; a hollow one is filled with the background. */
export function svgMarker(x: number, y: number, { color, shape }: SeriesStyle, hollow = false): string {
  const paint = {
    fill: hollow ? ink.background : color,
    stroke: hollow ? color : ink.background,
    "stroke-width": 1.6,
  };
  if (shape === "circle") return element("circle", { cx: x, cy: y, r: 5, ...paint });
  const corners = {
    square: [-1, -1, 1, -1, 1, 1, -1, 1].map((unit) => unit * 4.5),
    triangle: [0, -6, 5.6, 4.4, -5.6, 4.4],
    diamond: [0, -6.4, 6.4, 0, 0, 6.4, -6.4, 0],
    wedge: [0, 6, 5.6, -4.4, -5.6, -4.4],
  }[shape];
  const points = corners.map((offset, index) => Math.round((offset + (index % 2 === 0 ? x : y)) * 10) / 10);
  return element("polygon", { points: points.join(" "), ...paint, "stroke-linejoin": "round" });
}
