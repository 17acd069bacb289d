import type { Run } from "../runs/config.ts";

/** Equal for runs whose models take the same tokens and run the same loops: what a server cannot change as it goes. */
export const modelKey = ({ config: { spec, tokenizer } }: Run): string => JSON.stringify([spec, tokenizer]);
