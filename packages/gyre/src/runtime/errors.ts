import { GyreError, listOf, reasonOf } from "../util/errors.ts";

export function inputMissing(name: string, expected: readonly string[]): GyreError {
  return new GyreError("RUNTIME_INPUT", {
    given: `no value for the input ${JSON.stringify(name)}`,
    expected: `values for ${expected.join(", ")}`,
    fix: "pass every input of the graph to run, or bind it when the graph is compiled",
  });
}

export function inputShape(name: string, given: readonly number[], expected: readonly number[]): GyreError {
  return new GyreError("RUNTIME_SHAPE", {
    given: `the input ${JSON.stringify(name)} with shape [${given.join(", ")}]`,
    expected: `shape [${expected.join(", ")}]`,
    fix: "reshape the data, or build the graph for this shape",
  });
}

export function disposed(what: string): GyreError {
  return new GyreError("RUNTIME_DISPOSED", {
    given: `a ${what} that was disposed of`,
    expected: `a live ${what}`,
    fix: "dispose after the last use",
  });
}

export function contribWrong(op: string, error: number): GyreError {
  return new GyreError("RUNTIME_CONTRIB", {
    given: `${op} of this onnxruntime, which is ${error} off in its self-test`,
    expected: "results within 1e-5 of the interpreter",
    fix: "open the runtime without contrib",
  });
}

export function badThreads(given: number, expected: string): GyreError {
  return new GyreError("RUNTIME_THREADS", {
    given: `${given} threads`,
    expected,
    fix: "pass another number of threads, or leave it out",
  });
}

export function unknownDevice(given: string, legal: readonly string[]): GyreError {
  return new GyreError("RUNTIME_DEVICE", {
    given: `the device ${JSON.stringify(given)}`,
    expected: listOf(legal),
    fix: "take one of these",
  });
}

/** What a device needs, and how it comes to be there. */
const deviceNeeds: Readonly<Record<string, Readonly<{ expected: string; fix: string }>>> = {
  cuda: {
    expected: "an NVIDIA GPU with CUDA 12 and cuDNN 9, and onnxruntime-node's libraries for them",
    fix:
      "install CUDA 12 and cuDNN 9 where the system's loader finds them (LD_LIBRARY_PATH), and run " +
      "ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node; or take the device webgpu or cpu",
  },
  webgpu: {
    expected: "a GPU and its driver: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows",
    fix: "install the driver (on Linux the package libvulkan1 or vulkan-loader too), or take the device cpu",
  },
};

export function deviceMissing(
  device: string,
  { reason, cause }: { readonly reason: string; readonly cause?: unknown },
): GyreError {
  const { expected = "a device of this machine", fix = "take the device cpu" } = deviceNeeds[device] ?? {};
  return new GyreError(
    "RUNTIME_DEVICE",
    { given: `the device ${device}, but ${reason}`, expected, fix },
    { cause },
  );
}

export function deviceWrong(device: string, wrong: string): GyreError {
  return new GyreError("RUNTIME_DEVICE_WRONG", {
    given: `the device ${device}, which computes ${wrong} wrongly`,
    expected: "results within 2e-5 of the float64 interpreter",
    fix: "update the device's driver, or take the device cpu",
  });
}

export function devicePrecision(device: string): GyreError {
  return new GyreError("RUNTIME_DEVICE", {
    given: `float64 on the device ${device}`,
    expected: "float32, or the device cpu",
    fix: "leave precision out, or take the device cpu",
  });
}

/** What onnxruntime and its WebAssembly say when an allocation fails. */
const memoryWords = /bad_alloc|out of memory|maximum memory size exceeded|failed to allocate/i;

/** An error of onnxruntime, which says of memory that it was that: RUNTIME_MEMORY. */
export function sessionFailed(host: string, cause: unknown): unknown {
  if (!memoryWords.test(reasonOf(cause))) return cause;
  return new GyreError(
    "RUNTIME_MEMORY",
    {
      given: `no memory left for a graph of ${host}: ${reasonOf(cause)}`,
      expected: "as much memory as the graph's tensors take",
      fix: "use a smaller model, batch or context, or train with recompute; in a page, close other tabs",
    },
    { cause },
  );
}
