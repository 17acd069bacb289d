import { sha256Of } from "../util/checksum.node.ts";
import { loadPackage } from "../util/packages.ts";
import type { WrongOperation } from "./self-test.ts";
import type { Host } from "./session-runtime.ts";
import { smallestModel } from "./smallest.ts";
import { threadCount } from "./threads.node.ts";

/** A processor that onnxruntime-node computes on. */
export type Device = "cpu" | "webgpu" | "cuda";

/** A device as it was opened. */
export interface OpenDevice {
  readonly device: Device;
  /** Operations that the host computes since the device has them wrong. */
  readonly hosted: readonly WrongOperation[];
  /** Of a device that was chosen: why this one. */
  readonly reason?: string;
}

/** Threads within one operation, and the prefix of a profile. */
interface HostOptions {
  readonly threads?: number;
  readonly profile?: string;
}

/** Idle threads wait for the next run: longer than the JavaScript between two tokens takes, or not so long as to hold up others. */
const SPIN_ON = {
  alone: { intra_op: { spin_duration_us: "500" } },
  others: { intra_op: { spin_duration_us: "100" } },
};
/** Idle threads sleep when a run ends, and leave the cores to other programs. */
const SPIN_WITHIN_RUN = { force_spinning_stop: "1" };

export type Ort = typeof import("onnxruntime-node");

/** Loads onnxruntime-node. Throws PACKAGE_MISSING. */
export async function loadOrt(): Promise<Ort> {
  const loaded = await loadPackage("onnxruntime-node", () => import("onnxruntime-node"));
  return (loaded as unknown as { default?: Ort }).default ?? loaded;
}

const open = new Map<Device, Promise<unknown>>();

/**
 * Holds one small session of a GPU open, to the end of the process: onnxruntime gives the device up with the last session, and all that was compiled
 * for it is compiled again for the next.
 */
function keepOpen(ort: Ort, device: Device): Promise<unknown> {
  const known = open.get(device);
  if (known) return known;
  // whatever opens next fails in the same way, and says so
  const options = { executionProviders: [device], logSeverityLevel: 3 } as const;
  const kept = ort.InferenceSession.create(smallestModel(), options).catch(() => open.delete(device));
  open.set(device, kept);
  return kept;
}

/** onnxruntime-node on a device. */
export function nodeHost(ort: Ort, { threads, profile }: HostOptions, opened: OpenDevice): Host {
  const { device, hosted, reason } = opened;
  const notes = [
    device,
    ...(hosted.length > 0 ? [`${hosted.map(({ op }) => op).join(" and ")} on the host`] : []),
  ];
  return {
    name: `onnxruntime-node 1.30.0 (${[...notes, ...(reason ? [reason] : [])].join("; ")})`,
    threads: device === "cpu" ? threadCount(threads) : 1,
    writesOutputs: true,
    wrong: new Set(hosted.map(({ op }) => op)),
    hash: sha256Of,
    createSession: async (bytes, { pinned }) => {
      if (device !== "cpu") await keepOpen(ort, device);
      return await ort.InferenceSession.create(bytes, {
        executionProviders: [device],
        ...(threads ? { intraOpNumThreads: threads } : {}),
        ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
        graphOptimizationLevel: "disabled",
        executionMode: "sequential",
        // one block for all values of a run: faster for short runs, but twice the memory for training steps
        enableMemPattern: pinned !== undefined,
        // 3: errors; a GPU warns of every node that it leaves to the CPU
        ...(device === "cpu" ? {} : { logSeverityLevel: 3 as const }),
        extra: {
          session: {
            ...(pinned ? SPIN_ON[pinned] : SPIN_WITHIN_RUN),
            use_device_allocator_for_initializers: "1",
          },
        },
      });
    },
    tensor: (type, data, shape) => new ort.Tensor(type as "float32", data as Float32Array, shape),
  };
}
