import { missingPackage } from "./errors.ts";

/** Loads an optional peer dependency by the given `import()`. Throws DATA_PACKAGE when it is not there. */
export async function importPeer<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw missingPackage(name, cause);
  }
}
