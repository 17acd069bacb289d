import { describe, expect, test } from "vitest";
import { hostName, ownHosts } from "../../src/server/hosts.ts";

describe("the name in a Host header", () => {
  test.each([
    ["localhost", "localhost"],
    ["LocalHost:8080", "localhost"],
    ["localhost.", "localhost"],
    ["localhost.:80", "localhost"],
    ["127.0.0.1:8080", "127.0.0.1"],
    ["[::1]", "[::1]"],
    ["[::1]:8080", "[::1]"],
    ["[0:0:0:0:0:0:0:1]:8080", "[::1]"],
    ["[2001:DB8::A]", "[2001:db8::a]"],
    ["evil.example:8080", "evil.example"],
    ["localhost.evil.example", "localhost.evil.example"],
  ])("%s", (header, name) => {
    expect(hostName(header)).toBe(name);
  });

  test.each([
    "",
    ":8080",
    "localhost, localhost",
    "localhost,evil.example",
    "localhost evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "local%68ost",
    "localhost:80:80",
    "localhost:port",
    "::1",
    "[::1",
    "[zz]",
    "a..b..",
  ])("%j is none, or another than localhost", (header) => {
    expect(ownHosts()(hostName(header) ?? "")).toBe(false);
  });
});

describe("a server's own names", () => {
  test("are localhost and those that it was given, in any spelling", () => {
    const isOwn = ownHosts(["Box.Local.", "192.168.0.7", "2001:db8::0a", "other:9000"]);
    for (const header of [
      "localhost:1",
      "127.0.0.1",
      "[::1]",
      "box.local:8080",
      "BOX.LOCAL.",
      "192.168.0.7:80",
    ])
      expect([header, isOwn(hostName(header) ?? "")]).toEqual([header, true]);
    expect(isOwn(hostName("[2001:0db8::a]:8080") ?? "")).toBe(true);
    expect(isOwn(hostName("other") ?? "")).toBe(true);
    for (const header of ["box", "local", "xbox.local", "192.168.0.70", "127.0.0.2", "0.0.0.0"])
      expect([header, isOwn(hostName(header) ?? "")]).toEqual([header, false]);
  });
});
