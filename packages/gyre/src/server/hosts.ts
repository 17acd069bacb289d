/**
 * The name in a Host header, spelled one way: lower case, without port and trailing dot, IPv6 in brackets and in its
 * shortest form. Undefined for what names no host, two headers in one ("a, b") included.
 */
export function hostName(header: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[^\s,/?#@\\:[\]%]+)(?::\d{0,5})?$/i.exec(header) ?? [];
  if (name === undefined || !URL.canParse(`http://${name}`)) return undefined;
  return new URL(`http://${name}`).hostname.replace(/\.$/, "");
}

const loopback = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Whether a name from `hostName` is one of this server's: localhost in its three forms, or one of `names`, which may be
 * addresses and may have a port. A page of another site can let its own name point to this machine (DNS rebinding), and
 * its requests then carry that name.
 */
export function ownHosts(names: readonly string[] = []): (name: string) => boolean {
  const bracketed = names.map((name) => (/^[0-9a-f:.]*:[0-9a-f:.]*:/i.test(name) ? `[${name}]` : name));
  const own = new Set([...loopback, ...bracketed.flatMap((name) => hostName(name) ?? [])]);
  return (name) => own.has(name);
}
