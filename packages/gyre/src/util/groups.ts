/** The items in order, `size` at a time, or as many as weigh so much together; the last group may have fewer. */
export function* groups<Item>(
  items: Iterable<Item>,
  size: number,
  weigh: (item: Item) => number = () => 1,
): Generator<Item[]> {
  let group: Item[] = [];
  let weight = 0;
  for (const item of items) {
    group.push(item);
    weight += weigh(item);
    if (weight >= size) {
      yield group;
      group = [];
      weight = 0;
    }
  }
  if (group.length > 0) yield group;
}
