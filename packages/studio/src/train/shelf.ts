/** A run that was kept in this browser. */
export interface KeptRun {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly step: number;
  readonly steps: number;
  /** What it learns, in a few words. */
  readonly title: string;
  readonly keptAtMs: number;
}

const DATABASE = "gyre-studio";
const STORE = "runs";
const KEY = "train";

/** The one run that the page of training keeps, in IndexedDB: replaced as a whole, so that it is never half a run. */
export const shelf = {
  /** Rejects with the browser's QuotaExceededError where there is no room; what was there stays. */
  async put(run: KeptRun): Promise<void> {
    await inStore("readwrite", (store) => store.put(run, KEY));
  },
  async get(): Promise<KeptRun | undefined> {
    return (await inStore("readonly", (store) => store.get(KEY))) as KeptRun | undefined;
  },
  async clear(): Promise<void> {
    await inStore("readwrite", (store) => store.delete(KEY));
  },
};

async function inStore<Result>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
