/**
 * The code of a worker thread that is the module `name` (without an ending) beside the module with the url `base`; where TypeScript
 * itself is run, as in tests, through tsx.
 */
export function workerScript(base: string, name: string): URL {
  if (!base.endsWith(".ts")) return new URL(`./${name}.js`, base);
  const source = new URL(`./${name}.ts`, base);
  const tsx = import.meta.resolve("tsx/esm/api");
  const code = `import { register } from "${tsx}"; register(); await import("${source}");`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}
