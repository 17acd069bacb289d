import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadPackage, packageVersions } from "../../src/util/packages.ts";

const { peerDependencies } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { peerDependencies: Record<string, string> };

test("the versions that an error asks for are those of package.json", () => {
  expect(peerDependencies).toMatchObject(packageVersions);
});

test("a package that is not there is named, with the way to install it", async () => {
  const name = "no-such-package-here";
  await expect(loadPackage("tokenizers", () => import(name))).rejects.toThrow(
    /^PACKAGE_MISSING: the package tokenizers cannot be loaded \(.*\n.*\n {2}fix: npm install tokenizers@[\d.]+$/,
  );
});

test("onnxruntime-node is installed without its script, which downloads a build for CUDA", async () => {
  const failing = loadPackage("onnxruntime-node", () => Promise.reject(new Error("gone")));
  await expect(failing).rejects.toThrow(/fix: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@/);
});
