import { createHash } from "node:crypto";
import { createReadStream, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { gpuScript, scriptWeights } from "./weight.ts";

/** What a page may weigh: its own JavaScript, gzipped, without onnxruntime's WebAssembly. */
const MOST_SCRIPT_BYTES = 200_000;
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const types = { mjs: "text/javascript", wasm: "application/wasm" } as const;
const ort = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
const { version: ortVersion } = JSON.parse(readFileSync(join(ort, "../package.json"), "utf8"));
/** The version is in the name, so that a kept copy is never one of another version. */
const ortPlace = `ort-${ortVersion}`;
const wasmFiles = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
/** Loaded where a reader chooses the GPU. */
const gpuFiles = ["ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"];
const ortFiles = [...wasmFiles, ...gpuFiles];

/** onnxruntime's WebAssembly lies in a folder of its own, once: threads of its own load it by that name. */
const ortFolder: Plugin = {
  name: "ort-folder",
  configureServer(server) {
    server.middlewares.use(`/${ortPlace}`, (request, response, next) => {
      const name = ortFiles.find((file) => request.url?.split("?")[0] === `/${file}`);
      if (!name) return next();
      const type = types[name.endsWith(".mjs") ? "mjs" : "wasm"];
      response.writeHead(200, { "Content-Type": type, ...isolation });
      createReadStream(join(ort, name)).pipe(response);
    });
  },
  generateBundle() {
    for (const name of ortFiles)
      this.emitFile({
        type: "asset",
        fileName: `${ortPlace}/${name}`,
        source: readFileSync(join(ort, name)),
      });
  },
};

const models = at("../../models");
const modelNames = readdirSync(models);
/** What a page needs of the models, by its path below models/. */
const modelFiles = readdirSync(models, { recursive: true, encoding: "utf8" })
  .filter(
    (file) =>
      statSync(join(models, file)).isFile() && !/README\.md$|optimizer\.safetensors$|\/card\//.test(file),
  )
  .map((file) => file.replaceAll("\\", "/"));

/** The models of the repository lie in models/. */
const modelFolder: Plugin = {
  name: "model-folder",
  configureServer(server) {
    server.middlewares.use("/models", (request, response, next) => {
      const file = request.url?.split("?")[0]?.slice(1) ?? "";
      if (!modelFiles.includes(file)) return next();
      response.writeHead(200, isolation);
      createReadStream(join(models, file)).pipe(response);
    });
  },
  generateBundle() {
    for (const file of modelFiles)
      this.emitFile({ type: "asset", fileName: `models/${file}`, source: readFileSync(join(models, file)) });
    // a server that knows runs has a list of its own
    this.emitFile({ type: "asset", fileName: "runs.json", source: "[]" });
  },
};

const serviceWorker = "service-worker.js";

/** Tells the service worker which files every page needs, and the version that they make. */
const offline: Plugin = {
  name: "offline",
  apply: "build",
  writeBundle: {
    order: "post",
    handler({ dir = "" }) {
      const all = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((file) =>
        /\.\w+$/.test(file),
      );
      const files = all
        .filter((file) => !/^(models|ort-|runs\.json|service-worker)/.test(file) && !gpuScript.test(file))
        .sort();
      const hash = createHash("sha256");
      for (const file of [...files, serviceWorker]) hash.update(file).update(readFileSync(join(dir, file)));
      const version = hash.digest("hex").slice(0, 16);
      const build = {
        version,
        files: files.map((file) => file.replaceAll("\\", "/")),
        runtime: wasmFiles.map((name) => `${ortPlace}/${name}`),
      };
      const script = join(dir, serviceWorker);
      writeFileSync(script, `globalThis.BUILD = ${JSON.stringify(build)};\n${readFileSync(script, "utf8")}`);
    },
  },
};

/** Says what the page's scripts weigh, and fails where that is too much. */
const weight: Plugin = {
  name: "weight",
  apply: "build",
  writeBundle: {
    order: "post",
    async handler({ dir = "" }) {
      const { pages, gpu } = await scriptWeights(dir);
      const kb = (bytes: number) => (bytes / 1000).toFixed(1);
      this.info(
        `JavaScript: ${kb(pages)} kB gzip of at most ${MOST_SCRIPT_BYTES / 1000}, and ${kb(gpu)} where a GPU is chosen`,
      );
      if (pages > MOST_SCRIPT_BYTES) this.error(`the pages' JavaScript weighs ${pages} bytes`);
    },
  },
};

export const config = defineConfig({
  root: at("."),
  base: "./",
  plugins: [svelte(), ortFolder, modelFolder, weight, offline],
  define: { STUDIO_MODELS: JSON.stringify(modelNames), STUDIO_ORT: JSON.stringify(`${ortPlace}/`) },
  resolve: {
    conditions: ["@gyre/source", "onnxruntime-web-use-extern-wasm", "browser", "module"],
  },
  server: { headers: isolation },
  preview: { headers: isolation },
  build: {
    target: "es2022",
    outDir: "../cli/site",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // a worker has no document to preload into
    modulePreload: false,
    cssCodeSplit: false,
    rolldownOptions: {
      // the worker is an entry like the page, so that they share what both need
      input: {
        index: at("index.html"),
        worker: at("src/engine/worker.ts"),
        "service-worker": at("src/offline/service-worker.ts"),
      },
      output: {
        entryFileNames: ({ name }) => (name === "index" ? "assets/[name]-[hash].js" : "[name].js"),
      },
    },
  },
});

// vite reads the config from here
export { config as default };
