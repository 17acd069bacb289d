import { describe, expect, test } from "vitest";
import { parseRequest } from "../../bench/options.ts";

const parse = (text: string) => parseRequest(text.split(" ").filter((word) => word !== ""));

describe("requests", () => {
  test("train has defaults and takes every option", () => {
    expect(parse("train")).toEqual({
      bench: "train",
      config: "S",
      rounds: 10,
      threads: 2,
      recompute: false,
      peer: true,
      json: false,
    });
    expect(parse("train --config M --rounds 3 --threads 1 --no-peer --json")).toMatchObject({
      config: "M",
      rounds: 3,
      threads: 1,
      peer: false,
      json: true,
    });
    expect(parse("train --recompute")).toMatchObject({ recompute: true });
    expect(parse("profile --config M --threads 1")).toEqual({
      bench: "profile",
      config: "M",
      rounds: 20,
      threads: 1,
      json: false,
    });
  });

  test("decode, startup, serve, icl, tasks and help", () => {
    expect(parse("decode --config M --no-peer")).toEqual({
      bench: "decode",
      config: "M",
      rounds: 5,
      threads: 2,
      peer: false,
      json: false,
    });
    expect(parse("startup --json")).toEqual({
      bench: "startup",
      config: "S",
      rounds: 15,
      json: true,
    });
    expect(parse("icl --rounds 4 --no-peer")).toEqual({
      bench: "icl",
      config: "S",
      rounds: 4,
      threads: 2,
      peer: false,
      json: false,
    });
    expect(parse("overlay --steps 40 --rounds 1")).toEqual({
      bench: "overlay",
      steps: 40,
      seeds: 1,
      threads: 1,
      json: false,
    });
    expect(() => parse("train --steps 40")).toThrow(
      expect.objectContaining({ code: "BENCH_OPTION_INVALID" }),
    );
    expect(parse("serve --threads 1")).toEqual({
      bench: "serve",
      config: "S",
      rounds: 3,
      threads: 1,
      json: false,
    });
    expect(parse("tasks --rounds 4")).toEqual({ bench: "tasks", rounds: 4, json: false });
    expect(parse("data")).toEqual({
      bench: "data",
      rounds: 5,
      threads: 2,
      peer: true,
      json: false,
    });
    expect(parse("memory --threads 1")).toEqual({ bench: "memory", threads: 1, json: false });
    expect(parse("prepare --mebibytes 8 --threads 1")).toEqual({
      bench: "prepare",
      mebibytes: 8,
      threads: 1,
      json: false,
    });
    expect(parse("ranks --no-peer --json")).toEqual({ bench: "ranks", rounds: 4, peer: false, json: true });
    expect(parse("web --config XS")).toEqual({ bench: "web", config: "XS", rounds: 3, json: false });
    expect(parse("--help")).toEqual({ bench: "help" });
  });

  test.each([
    ["", "BENCH_UNKNOWN: no benchmark was named"],
    [
      "tran",
      'expected: "train", "profile", "decode", "startup", "serve", "icl", "tasks", "data", "prepare", "memory", "ranks", "web", "overlay" or "answers"',
    ],
    ["train --config Q", 'BENCH_CONFIG_UNKNOWN: --config Q\n  expected: "XS", "S" or "M"'],
    ["train --config toString", "BENCH_CONFIG_UNKNOWN"],
    ["train --speed 9", "BENCH_OPTION_INVALID: Unknown option '--speed'"],
    ["tasks --config S", "BENCH_OPTION_INVALID: --config with tasks"],
    ["train --rounds 0", "BENCH_OPTION_INVALID: --rounds 0"],
    ["train --threads two", "BENCH_OPTION_INVALID: --threads two"],
    ["train startup", 'BENCH_OPTION_INVALID: the word "startup" after "train"'],
    ["profile --no-peer", "BENCH_OPTION_INVALID: --no-peer with profile"],
    ["startup --no-peer", "BENCH_OPTION_INVALID: --no-peer with startup"],
    ["decode --recompute", "BENCH_OPTION_INVALID: --recompute with decode"],
    ["ranks --threads 2", "BENCH_OPTION_INVALID: --threads with ranks"],
    ["web --threads 2", "BENCH_OPTION_INVALID: --threads with web"],
    ["startup --config Q", "BENCH_CONFIG_UNKNOWN: --config Q"],
  ])("refuses %j", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
