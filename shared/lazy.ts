/** Builds a value at its first use and keeps it: clients live as long as the environment, but tests never build them. */
export function lazy<T>(build: () => T): () => T {
  let box: { value: T } | undefined;
  return () => {
    box ??= { value: build() };
    return box.value;
  };
}
