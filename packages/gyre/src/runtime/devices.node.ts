import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";
import { promisify } from "node:util";
import { GraphBuilder } from "../graph/builder.ts";
import { matmul } from "../graph/ops.ts";
import { testDevice } from "./device-test.ts";
import { deviceMissing, deviceWrong, unknownDevice } from "./errors.ts";
import { type Device, loadOrt, nodeHost, type OpenDevice, type Ort } from "./host.node.ts";
import { wrongText } from "./self-test.ts";
import { OnnxRuntime } from "./session-runtime.ts";
import { smallestModel } from "./smallest.ts";

/** A device by name, or the best one of this machine. */
export type DeviceChoice = Device | "auto";

/** What may be chosen. */
export const deviceChoices: readonly DeviceChoice[] = ["cpu", "webgpu", "cuda", "auto"];

/**
 * Opens a device of this machine. Any but the CPU must pass the self-test: every operation that graphs use, forward
 * and backward, against the float64 interpreter, once a process; sine and cosine are left to the host where they fail.
 * `auto` takes CUDA, then WebGPU, where they open, multiply matrices faster than the CPU and pass; the CPU otherwise.
 * Throws RUNTIME_DEVICE for another name and where something is missing, RUNTIME_DEVICE_WRONG with the list of wrong
 * operations, and PACKAGE_MISSING.
 */
export async function openDevice(choice: DeviceChoice = "cpu"): Promise<OpenDevice> {
  if (!deviceChoices.includes(choice)) throw unknownDevice(choice, deviceChoices);
  if (choice === "cpu") return cpu;
  const ort = await loadOrt();
  if (choice === "auto") return await best(ort);
  const fault = await faultOf(choice, ort);
  if (fault) throw deviceMissing(choice, fault);
  const { hosted, refused } = await testDevice(choice, bare(ort, choice));
  if (refused.length > 0) throw deviceWrong(choice, wrongText(refused));
  return { device: choice, hosted };
}

const cpu: OpenDevice = { device: "cpu", hosted: [] };

/** A device as it is, without the host's help. */
const bare = (ort: Ort, device: Device): OnnxRuntime =>
  new OnnxRuntime(nodeHost(ort, {}, { device, hosted: [] }));

/** The best device, and why the better ones are not it. */
async function best(ort: Ort): Promise<OpenDevice> {
  const reasons: string[] = [];
  for (const device of ["cuda", "webgpu"] as const) {
    const fault = await faultOf(device, ort);
    if (fault) {
      reasons.push(`${device}: ${fault.reason}`);
      continue;
    }
    const { isFaster, times } = await compared(bare(ort, device), bare(ort, "cpu"));
    if (!isFaster) {
      reasons.push(`${device}: ${times}`);
      continue;
    }
    const { hosted, refused } = await testDevice(device, bare(ort, device));
    if (refused.length === 0) return { device, hosted, reason: [...reasons, times].join("; ") };
    reasons.push(`${device} computes ${wrongText(refused)} wrongly`);
  }
  return { ...cpu, reason: reasons.join("; ") };
}

/** Rows and columns of the matrices by whose product devices are compared, and how much longer than the CPU one may take. */
const comparisons = [
  { side: 256, most: 10 },
  { side: 1024, most: 1 },
] as const;

/** Whether a device multiplies matrices faster than the CPU; one that is far slower with small ones is spared the large. */
async function compared(
  device: OnnxRuntime,
  host: OnnxRuntime,
): Promise<{ readonly isFaster: boolean; readonly times: string }> {
  let times = "";
  for (const { side, most } of comparisons) {
    const [own, its] = [await productTime(device, side), await productTime(host, side)];
    times = `a product of ${side} x ${side} takes ${own.toFixed(1)} ms, ${its.toFixed(1)} ms on the CPU`;
    if (!(own < most * its)) return { isFaster: false, times };
  }
  return { isFaster: true, times };
}

/** Milliseconds of a product of matrices that come from the host and go back to it, when it is no longer the first. */
async function productTime(runtime: OnnxRuntime, side: number): Promise<number> {
  const builder = new GraphBuilder();
  const shape = [side, side];
  const y = matmul(builder.input("a", shape), builder.input("b", shape));
  await using program = await runtime.compile(builder.graph({ y }), { buffers: 1 });
  const ones = { data: new Float32Array(side * side).fill(1), shape };
  const inputs = new Map([
    ["a", ones],
    ["b", ones],
  ]);
  await program.run(inputs);
  const started = performance.now();
  await program.run(inputs);
  return performance.now() - started;
}

/** Why a device does not open. */
interface DeviceFault {
  readonly reason: string;
  /** What onnxruntime and the system's loader said. */
  readonly cause?: unknown;
}

const faults = new Map<Device, Promise<DeviceFault | undefined>>();

/** What keeps a device from opening, if anything; it is tried once a process. */
function faultOf(device: Device, ort: Ort): Promise<DeviceFault | undefined> {
  const known = faults.get(device);
  if (known) return known;
  const fault = tryDevice(device, ort);
  faults.set(device, fault);
  return fault;
}

const tryScript = `
  const [path, device, model] = process.argv.slice(1);
  require(path).InferenceSession.create(Buffer.from(model, "base64"), { executionProviders: [device] }).then(
    () => process.exit(0),
    (error) => { console.error(String(error)); process.exit(1); },
  );`;

/** Opens a device in a process of its own: what its libraries print is read, and what ends that process does not end this one. */
async function tryDevice(device: Device, ort: Ort): Promise<DeviceFault | undefined> {
  const names = ort.listSupportedBackends().map(({ name }) => name);
  if (!names.includes(device))
    return { reason: `onnxruntime-node has none on ${process.platform} ${process.arch}` };
  const model = Buffer.from(smallestModel());
  const path = createRequire(import.meta.url).resolve("onnxruntime-node");
  const words = ["-e", tryScript, path, device, model.toString("base64")];
  return await promisify(execFile)(process.execPath, words).then(
    () => undefined,
    (cause: unknown) => ({ reason: faultText(cause as { stderr?: string; signal?: string | null }), cause }),
  );
}

/** What is missing, of what was printed where a device did not open. */
export function faultText({
  stderr = "",
  signal,
}: {
  readonly stderr?: string;
  readonly signal?: string | null;
}): string {
  const libraries = [
    ...stderr.matchAll(/([^\s/]+): cannot open shared object file/g),
    ...stderr.matchAll(/depends on "([^"]+)" which is missing/g),
  ].map(([, name]) => name as string);
  if (libraries.length > 0) return `${[...new Set(libraries)].join(" and ")} is missing`;
  if (/no supported adapters|adapter/i.test(stderr)) return "no GPU that it can use was found";
  if (signal) return `a process that opened it ended by ${signal}`;
  return "it does not open";
}
