import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const conditions = ["@gyre/source"];
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    isolate: false,
    pool: "forks",
    // most tests wait for processes of their own
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
