import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const conditions = ["@gyre/source"];

/** Tests that measure frames, or fill both cores with processes of their own: nothing else runs beside them. */
const alone = ["test/web/**/*.test.ts", "test/studio/**/*.test.ts", "packages/cli/test/ranks.test.ts"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    isolate: false,
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: "test/build.ts",
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
          exclude: alone,
          // most tests wait for processes that they have started: one worker would leave a core idle
          maxWorkers: Math.max(2, availableParallelism() >> 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
