import { describe, expect, it } from "vitest";
import { filesOfRun, packRun, unpackRun } from "../../src/train/archive.ts";
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
