const ANY = Symbol("*");
const ONE = Symbol("?");

/** A pattern taken apart: characters to meet literally, and the two wildcards. */
export type Pattern = readonly (string | typeof ANY | typeof ONE)[];

/** The value of a policy variable, or `undefined` when the request has none. */
export type Variable = (name: string) => string | undefined;

const LITERALS: Readonly<Record<string, string>> = { "*": "*", "?": "?", $: "$" };

/**
 * Reads a policy pattern. With `variable`, `${aws:PrincipalArn}` and `${key, 'default'}` are filled in, and the filled
 * text never acts as a wildcard; `undefined` when a variable has no value, in which case nothing matches.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
export function parsePattern(source: string, variable?: Variable): Pattern | undefined {
  const tokens: (string | typeof ANY | typeof ONE)[] = [];
  let at = 0;
  while (at < source.length) {
    const end = variable && source.startsWith("${", at) ? source.indexOf("}", at) : -1;
    if (variable && end > 0) {
      const value = fill(source.slice(at + 2, end), variable);
      if (value === undefined) return undefined;
      tokens.push(...value.split(""));
      at = end + 1;
      continue;
    }
    const char = source.charAt(at);
    tokens.push(char === "*" ? ANY : char === "?" ? ONE : char);
    at += 1;
  }
  return tokens;
}

/** Whether the whole of `value` meets the pattern; linear in memory, no backtracking beyond the last `*`. */
export function matches(pattern: Pattern, value: string): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let resume = 0;
  while (at < value.length) {
    const wanted = pattern[token];
    if (wanted === ANY) {
      star = token++;
      resume = at;
    } else if (wanted === ONE || wanted === value.charAt(at)) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[token] === ANY) token += 1;
  return token === pattern.length;
}

/** Whether `value` meets a pattern text with `*` and `?`, case by case. */
export function wildcard(pattern: string, value: string): boolean {
  return matches(parsePattern(pattern) ?? [], value);
}

function fill(expression: string, variable: Variable): string | undefined {
  const literal = LITERALS[expression];
  if (literal) return literal;
  const [, name = expression, fallback] = /^([^,]+?)(?:\s*,\s*'([^']*)')?$/.exec(expression) ?? [];
  return variable(name.trim()) ?? fallback;
}
