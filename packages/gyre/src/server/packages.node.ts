import { loadPeer } from "./packages.ts";

/** The adapter from Node's HTTP server to requests and responses. Throws SERVE_PACKAGES. */
export const loadNodeServer = () => loadPeer(() => import("@hono/node-server"));

/** Numbers for Prometheus. Throws SERVE_PACKAGES. */
export const loadPrometheus = () => loadPeer(() => import("prom-client"));
