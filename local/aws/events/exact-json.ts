/** ES2025's source text access, which TypeScript's library does not declare yet. https://github.com/tc39/proposal-json-parse-with-source */
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

const json = JSON as unknown as ExactJson;

/**
 * Parses JSON without losing digits: an integer beyond 2^53, such as a `commitNumber` of Salesforce, is kept as its
 * source text and written back unchanged by `JSON.stringify`.
 */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && source
      ? json.rawJSON(source)
      : value,
  );
}

/** The number that a value kept by `parseExactly` stands for, as near as a double comes; other values as they are. */
export function approximate(value: unknown): unknown {
  return json.isRawJSON(value) ? Number(value.rawJSON) : value;
}
