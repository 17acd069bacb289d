import { groupedText, parameterCount } from "gyre";
import { importOfficial, type ImportOptions as OfficialImportOptions } from "gyre/node";
import { counted } from "../render/format.ts";

export type ImportOptions = OfficialImportOptions;

/** `gyre import`: an official checkpoint, config.json and model.safetensors, becomes a run. */
export async function importCommand(source: string, options: ImportOptions): Promise<number> {
  const { config, path } = await importOfficial(source, options);
  const { family, layers, loops } = config.spec;
  const size = `${groupedText(parameterCount(config.spec))} parameters`;
  console.log(`${path}: ${family}, ${counted(layers.core, "layer")} x ${counted(loops, "loop")}, ${size}`);
  console.log(`${config.tokenizer.kind} tokenizer, ${groupedText(config.tokenizer.vocab)} entries`);
  return 0;
}
