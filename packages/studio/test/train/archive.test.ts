import { describe, expect, it } from "vitest";
import { filesOfRun, missingText, packRun, unpackRun, withText } from "../../src/train/archive.ts";
import { decodeText } from "../../src/train/text-file.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a packed run", () => {
  it("comes back as it was, from whatever folder", () => {
    const files = new Map([
      ["config.json", bytes("{}")],
      ["checkpoints/step-000001/model.safetensors", Uint8Array.of(1, 2, 3)],
    ]);
    expect(unpackRun(packRun(files, "run"))).toEqual(files);
    const deeper = new Map([...files].map(([path, own]) => [`a/b/${path}`, own]));
    expect(filesOfRun(deeper.set("other.txt", bytes("")))).toEqual(files);
  });

  it("says where its text lies, and takes it from there", () => {
    const run = new Map([["config.json", bytes('{"kind": "text", "data": {"path": "../data/sotu"}}')]]);
    expect(missingText(run)).toBe("../data/sotu");
    const whole = withText(
      run,
      new Map([
        ["sotu/manifest.json", bytes("{}")],
        ["sotu/train.bin", bytes("a")],
      ]),
    );
    expect([...whole.keys()]).toEqual(["config.json", "data/manifest.json", "data/train.bin"]);
    expect(missingText(whole)).toBeUndefined();
    expect(missingText(new Map([["config.json", bytes('{"kind": "task"}')]]))).toBeUndefined();
    expect(() => withText(run, new Map([["a.txt", bytes("")]]))).toThrow("There is no dataset in it.");
  });

  it("is refused where it is none", () => {
    expect(() => unpackRun(bytes("nothing"))).toThrow("This file is no ZIP, or it is damaged.");
    expect(() => filesOfRun(new Map([["a.txt", bytes("")]]))).toThrow("There is no run in it.");
  });
});

describe("a text file", () => {
  it("is UTF-8, or refused by name", () => {
    expect(decodeText(bytes("naïve"), "a.txt")).toBe("naïve");
    expect(() => decodeText(Uint8Array.of(0xff), "a.txt")).toThrow("a.txt is no text in UTF-8.");
  });
});
