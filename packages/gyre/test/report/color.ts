type Vector = readonly [number, number, number];
type Matrix = readonly [Vector, Vector, Vector];

/** What cone deficiencies make of linear RGB, complete ones: Machado, Oliveira and Fernandes (2009). */
const matrices: Readonly<Record<"normal" | "protan" | "deutan" | "tritan", Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
export const visions = Object.keys(matrices) as (keyof typeof matrices)[];

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const times = (matrix: Matrix, vector: Vector): Vector => [
  dot(matrix[0], vector),
  dot(matrix[1], vector),
  dot(matrix[2], vector),
];

/** Linear RGB of "#rrggbb". */
function linear(color: string): Vector {
  const part = (at: number) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

const luminance = (color: string) => dot([0.2126, 0.7152, 0.0722], linear(color));

/** The contrast of WCAG, from 1 to 21. */
export function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** CIE L*a*b* under D65. */
function labOf(rgb: Vector): Vector {
  const toXyz: Matrix = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.072175],
    [0.0193339, 0.119192, 0.9503041],
  ];
  const [x, y, z] = times(toXyz, rgb.map((value) => Math.min(1, Math.max(0, value))) as unknown as Vector);
  const bend = (value: number) =>
    value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value + 16) / 116;
  const [fx, fy, fz] = [bend(x / 0.95047), bend(y), bend(z / 1.08883)];
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

const degrees = (radians: number) => ((radians * 180) / Math.PI + 360) % 360;
const cosine = (angle: number) => Math.cos((angle * Math.PI) / 180);
const saturation = (chroma: number) => Math.sqrt(chroma ** 7 / (chroma ** 7 + 25 ** 7));

/** How far apart two colours look to someone of a vision: CIEDE2000, as Sharma, Wu and Dalal (2005) write it. */
export function colorDistance(a: string, b: string, vision: keyof typeof matrices): number {
  const [first, second] = [a, b].map((color) => labOf(times(matrices[vision], linear(color)))) as [
    Vector,
    Vector,
  ];
  const grow =
    1.5 - 0.5 * saturation((Math.hypot(first[1], first[2]) + Math.hypot(second[1], second[2])) / 2);
  const chroma = [first, second].map((lab) => Math.hypot(grow * lab[1], lab[2])) as [number, number];
  const hue = [first, second].map((lab) => degrees(Math.atan2(lab[2], grow * lab[1]))) as [number, number];
  const turn = hue[1] - hue[0];
  const between = turn > 180 ? turn - 360 : turn < -180 ? turn + 360 : turn;
  const dHue = 2 * Math.sqrt(chroma[0] * chroma[1]) * Math.sin((between * Math.PI) / 360);
  const [light, color] = [(first[0] + second[0]) / 2, (chroma[0] + chroma[1]) / 2];
  const sum = hue[0] + hue[1];
  const angle = Math.abs(turn) > 180 ? (sum + (sum < 360 ? 360 : -360)) / 2 : sum / 2;
  const weight =
    1 -
    0.17 * cosine(angle - 30) +
    0.24 * cosine(2 * angle) +
    0.32 * cosine(3 * angle + 6) -
    0.2 * cosine(4 * angle - 63);
  const parts = [
    (second[0] - first[0]) / (1 + (0.015 * (light - 50) ** 2) / Math.sqrt(20 + (light - 50) ** 2)),
    (chroma[1] - chroma[0]) / (1 + 0.045 * color),
    dHue / (1 + 0.015 * color * weight),
  ] as const;
  const rotation =
    -Math.sin(((60 * Math.PI) / 180) * Math.exp(-(((angle - 275) / 25) ** 2))) * 2 * saturation(color);
  return Math.sqrt(dot(parts, parts) + rotation * parts[1] * parts[2]);
}
