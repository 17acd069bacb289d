export interface RecentOptions<Value> {
  /** What all values together may weigh; the newest one stays whatever it weighs. */
  readonly room: number;
  /** What one value weighs; 1 by default, so that `room` counts values. */
  readonly weigh?: (value: Value) => number;
}

/** Values by key; those that were asked for longest ago go when there is no more room. */
export class Recent<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly weight: number }>();
  readonly #room: number;
  readonly #weigh: (value: Value) => number;
  #weight = 0;

  constructor({ room, weigh = () => 1 }: RecentOptions<Value>) {
    this.#room = room;
    this.#weigh = weigh;
  }

  /** What all values weigh. */
  get weight(): number {
    return this.#weight;
  }

  /** The value of a key, which becomes the one asked for last. */
  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps a value; gives those that had to go for it, and the one that had its key. */
  set(key: string, value: Value): Value[] {
    const gone = this.delete(key);
    const weight = this.#weigh(value);
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#room || oldest === key) break;
      gone.push(...this.delete(oldest));
    }
    return gone;
  }

  /** Lets a value go, and gives it. */
  delete(key: string): Value[] {
    const entry = this.#entries.get(key);
    if (!entry) return [];
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    return [entry.value];
  }

  /** Lets all values go, and gives them. */
  clear(): Value[] {
    return [...this.#entries.keys()].flatMap((key) => this.delete(key));
  }
}
