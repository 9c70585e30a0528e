import { StripeError } from "./errors.ts";

/** Form parameters as a tree: `address[city]=x` is `{address: {city: "x"}}`, `list[0]=a` and `list[]=a` are arrays. */
export interface Params {
  [name: string]: Param;
}
export type Param = string | Params | Param[];

/** Stripe names no limits; ours are far above what its API takes. */
const MAX_MEMBERS = 1000;
const MAX_DEPTH = 20;

/**
 * Decodes a form body or a query string.
 * @throws StripeError when a parameter is given both as a text and as a hash, and for too many or too deep ones
 */
export function decodeForm(text: string): Params {
  const root: Params = {};
  const members = [...new URLSearchParams(text)];
  if (members.length > MAX_MEMBERS) throw new StripeError(400, "invalid_request_error", "Too many parameters.");
  for (const [name, value] of members) {
    const [first = "", ...rest] = name.split("[").map((part) => part.replace(/\]$/, ""));
    if (rest.length > MAX_DEPTH) throw new StripeError(400, "invalid_request_error", "Too deep a parameter.");
    put(root, [first, ...rest], value, name);
  }
  return toArrays(root) as Params;
}

function put(root: Params, path: readonly string[], value: string, name: string): void {
  let at = root;
  for (const [index, step] of path.entries()) {
    const key = step === "" ? String(Object.keys(at).length) : step;
    if (key === "__proto__") throw new StripeError(400, "invalid_request_error", `Invalid parameter name: ${name}`);
    if (index === path.length - 1) {
      at[key] = value;
      return;
    }
    const next = at[key] ?? {};
    if (typeof next === "string")
      throw new StripeError(400, "invalid_request_error", `Invalid hash: ${name}`, { param: name });
    at[key] = next;
    at = next as Params;
  }
}

/** Hashes whose keys are 0, 1, 2, … are arrays. */
function toArrays(param: Param): Param {
  if (typeof param === "string" || Array.isArray(param)) return param;
  const entries = Object.entries(param).map(([key, value]) => [key, toArrays(value)] as const);
  const isArray = entries.length > 0 && entries.every(([key], index) => key === String(index));
  return isArray ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}
