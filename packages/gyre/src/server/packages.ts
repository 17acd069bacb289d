import { missingPackages } from "./errors.ts";

/** Loads a package that only a server needs, an optional peer of this library. Throws SERVE_PACKAGES. */
export async function loadPeer<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw missingPackages(cause);
  }
}

/** hono, which turns requests into responses. Throws SERVE_PACKAGES. */
export const loadHono = () =>
  loadPeer(async () => {
    const [{ Hono }, { cors }, { routePath }, { timingSafeEqual }] = await Promise.all([
      import("hono"),
      import("hono/cors"),
      import("hono/route"),
      import("hono/utils/buffer"),
    ]);
    return { Hono, cors, routePath, timingSafeEqual };
  });
