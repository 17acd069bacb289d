// One rank of the tests: does what the first argument says and prints what it saw as a line of JSON.
import process from "node:process";
import { openCollective } from "../../src/ranks/mpi.node.ts";
import { sha256Of } from "../../src/util/checksum.ts";
import { rng } from "../../src/util/rng.ts";

const ranks = await openCollective();
const [what = "sum", count = "10"] = process.argv.slice(2);
if (what === "die" && ranks.rank === 1) process.kill(process.pid, "SIGKILL");
if (what === "abort" && ranks.rank === 1) ranks.abort(7);
const data = Float32Array.from({ length: Number(count) }, (_, index) => (ranks.rank + 1) * (index + 1));
await ranks.sum(data);
const bytes = new Uint8Array(4).fill(ranks.rank + 40);
await ranks.broadcast(bytes);
await ranks.barrier();
const random = rng(ranks.rank, "numbers whose sum depends on its order");
const drawn = Float32Array.from({ length: 100_000 }, () => random.normal());
await ranks.sum(drawn);
const sum = sha256Of(new Uint8Array(drawn.buffer));
const seen = { rank: ranks.rank, size: ranks.size, data: [...data.slice(-3)], bytes: [...bytes], sum };
// written at once: launchers cut lines of several ranks into each other
process.stdout.write(`${JSON.stringify(seen)}\n`);
ranks.close();
