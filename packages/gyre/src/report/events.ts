// TensorBoard's event files: TFRecords of the protobuf message Event (tensorboard/compat/proto/event.proto, summary.proto).

/** When something was written down: after how many optimizer steps, and at which time in seconds since 1970. */
export interface EventTime {
  readonly step: number;
  readonly seconds: number;
}

/** The first record of an event file: what the others are. */
export const headerRecord = ({ seconds }: Pick<EventTime, "seconds">): Uint8Array =>
  record([...double(1, seconds), ...text(3, "brain.Event:2")]);

/** Says that writing begins at a step: what earlier files have of this step and later ones no longer counts. */
export const startRecord = ({ step, seconds }: EventTime): Uint8Array =>
  record([...double(1, seconds), ...whole(2, step), ...delimited(7, whole(1, 1))]);

/** Numbers and texts after a step, by their tags; TensorBoard shows texts as Markdown. */
export const valuesRecord = (
  { step, seconds }: EventTime,
  values: Iterable<readonly [tag: string, value: number | string]>,
): Uint8Array => {
  const all = [...values].flatMap(([tag, value]) =>
    delimited(1, [...text(1, tag), ...(typeof value === "number" ? float(2, value) : textTensor(value))]),
  );
  return record([...double(1, seconds), ...whole(2, step), ...delimited(5, all)]);
};

/** A tensor [1] of strings, and in its metadata the plugin that shows it. */
const textTensor = (value: string): number[] => [
  ...delimited(8, [...whole(1, 7), ...delimited(2, delimited(2, whole(1, 1))), ...text(8, value)]),
  ...delimited(9, [...delimited(1, text(1, "text")), ...whole(4, 2)]),
];

/** A TFRecord: the length and the message, each with its masked checksum. */
function record(message: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(message.length + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, message.length, true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(message, 12);
  view.setUint32(12 + message.length, maskedCrc(bytes.subarray(12, 12 + message.length)), true);
  return bytes;
}

/** CRC-32C (Castagnoli), bits from the lowest on. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** CRC-32C, rotated and shifted: checksums of checksums would be weak. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  crc = ~crc;
  return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
}

// Fields of a protobuf message, each with its number and wire type.

const whole = (field: number, value: number): number[] => [field * 8, ...varint(value)];
const double = (field: number, value: number): number[] => [
  field * 8 + 1,
  ...new Uint8Array(Float64Array.of(value).buffer),
];
const float = (field: number, value: number): number[] => [
  field * 8 + 5,
  ...new Uint8Array(Float32Array.of(value).buffer),
];
const text = (field: number, value: string): number[] => delimited(field, new TextEncoder().encode(value));
const delimited = (field: number, bytes: ArrayLike<number>): number[] => [
  field * 8 + 2,
  ...varint(bytes.length),
  ...Array.from(bytes),
];

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
