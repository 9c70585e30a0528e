/** Splits a list into lists of at most `size`, in order. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

/** Works on items in groups, each item of a group side by side; results in order. A failure begins no further group. */
export async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const some of chunks(items, atOnce)) results.push(...(await Promise.all(some.map(work))));
  return results;
}

/** Packs things of known size into batches, in order: a batch is full when either limit is. */
export function batchesOf<T extends { readonly bytes: number }>(
  items: readonly T[],
  { maxEntries, maxBytes }: { maxEntries: number; maxBytes: number },
): T[][] {
  const result: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const last = result.at(-1);
    if (last && last.length < maxEntries && bytes + item.bytes <= maxBytes) {
      last.push(item);
      bytes += item.bytes;
    } else {
      result.push([item]);
      bytes = item.bytes;
    }
  }
  return result;
}
