/** A time series by the start of its periods; a number stands for every period. */
export type Series = ReadonlyMap<number, number>;
type Value = number | Series | readonly Value[];

/** What an expression is worked out over. */
export interface Scope {
  /** Starts of the periods. */
  readonly starts: readonly number[];
  /** The series of an id. */
  series(id: string): Series;
}

/** An expression that was read: the ids it names, and how it is worked out. */
export interface Expression {
  readonly ids: ReadonlySet<string>;
  evaluate(scope: Scope): Series;
}

type Node = (scope: Scope) => Value;
type Numbers = (...values: number[]) => number;

const OPERATORS: readonly Readonly<Record<string, Numbers>>[] = [
  { "||": (a, b) => truth(a !== 0 || b !== 0), OR: (a, b) => truth(a !== 0 || b !== 0) },
  { "&&": (a, b) => truth(a !== 0 && b !== 0), AND: (a, b) => truth(a !== 0 && b !== 0) },
  {
    ...{ "==": (a: number, b: number) => truth(a === b), "!=": (a: number, b: number) => truth(a !== b) },
    ...{ "<": (a: number, b: number) => truth(a < b), ">": (a: number, b: number) => truth(a > b) },
    ...{ "<=": (a: number, b: number) => truth(a <= b), ">=": (a: number, b: number) => truth(a >= b) },
  },
  { "+": (a, b) => a + b, "-": (a, b) => a - b },
  { "*": (a, b) => a * b, "/": (a, b) => a / b },
] as readonly Readonly<Record<string, Numbers>>[];

const OVER_MANY: Readonly<Record<string, Numbers>> = {
  MAX: Math.max,
  MIN: Math.min,
  SUM: (...values) => values.reduce((sum, value) => sum + value, 0),
  AVG: (...values) => values.reduce((sum, value) => sum + value, 0) / values.length,
};
const OVER_ONE: Readonly<Record<string, Numbers>> = { ABS: Math.abs, CEIL: Math.ceil, FLOOR: Math.floor };

/**
 * Reads metric math: arithmetic, comparisons, `AND`, `OR`, lists, and the functions ABS, AVG, CEIL, FILL with a number,
 * FLOOR, IF, MAX, MIN, SUM.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 * @throws Error of one sentence for what cannot be read, or is not reproduced
 */
export function parseExpression(text: string): Expression {
  const tokens = text.match(/\d+(?:\.\d+)?|[a-zA-Z_]\w*|[<>=!]=|&&|\|\||[-+*/<>()[\],]|\S/g) ?? [];
  const ids = new Set<string>();
  let at = 0;
  const fail = (): never => {
    throw new Error(`the expression ${text} cannot be read at ${tokens[at] ?? "its end"}`);
  };
  const take = (wanted: string): void => {
    if (tokens[at] !== wanted) fail();
    at += 1;
  };
  const binary = (level: number): Node => {
    const operators = OPERATORS[level];
    if (!operators) return unary();
    let left = binary(level + 1);
    for (;;) {
      const operator = operators[(tokens[at] ?? "").toUpperCase()];
      if (!operator) return left;
      at += 1;
      const [first, second] = [left, binary(level + 1)];
      left = (scope) => pointwise(scope, [first(scope), second(scope)], operator);
    }
  };
  const unary = (): Node => {
    if (tokens[at] !== "-") return primary();
    at += 1;
    const operand = unary();
    return (scope) => pointwise(scope, [operand(scope)], (value) => -value);
  };
  const listUntil = (end: string): Node[] => {
    const nodes = [binary(0)];
    while (tokens[at] === ",") {
      at += 1;
      nodes.push(binary(0));
    }
    take(end);
    return nodes;
  };
  const primary = (): Node => {
    const token = tokens[at++] ?? "";
    if (/^\d/.test(token)) return () => Number(token);
    if (token === "(") {
      const inner = binary(0);
      take(")");
      return inner;
    }
    if (token === "[") {
      const nodes = listUntil("]");
      return (scope) => nodes.map((node) => node(scope));
    }
    if (!/^[a-zA-Z_]/.test(token)) {
      at -= 1;
      return fail();
    }
    if (tokens[at] === "(") {
      at += 1;
      return call(token.toUpperCase(), listUntil(")"));
    }
    ids.add(token);
    return (scope) => scope.series(token);
  };
  const root = binary(0);
  if (at < tokens.length) fail();
  return { ids, evaluate: (scope) => pointwise(scope, [root(scope)], (value) => value) };
}

function call(name: string, nodes: readonly Node[]): Node {
  const many = OVER_MANY[name];
  const [first, second, third] = nodes;
  if (!first) throw new Error(`the function ${name} needs something to work on`);
  if (many && nodes.length === 1)
    return (scope) => {
      const value = first(scope);
      if (Array.isArray(value)) return acrossSeries(scope, value, many);
      // Of one series it is a number, which stands for every period.
      return value instanceof Map ? many(...value.values()) : (value as number);
    };
  const one = OVER_ONE[name];
  if (one && nodes.length === 1) return (scope) => pointwise(scope, [first(scope)], one);
  if (name === "FILL" && second && nodes.length === 2) return (scope) => fill(scope, first(scope), second(scope));
  if (name === "IF" && second && third && nodes.length === 3)
    return (scope) => choose(scope, [first(scope), second(scope), third(scope)]);
  throw new Error(`the twin has no metric math function ${name} of ${nodes.length} arguments`);
}

/** Works on the values of each period; where one is missing, so is the result. */
function pointwise({ starts }: Scope, values: readonly Value[], compute: Numbers): Series {
  const result = new Map<number, number>();
  for (const start of starts) {
    const points = values.map((value) => pointOf(value, start));
    if (points.every((point) => point !== undefined)) result.set(start, compute(...points));
  }
  return result;
}

/** Works over several series in each period; those without data there do not count. */
function acrossSeries({ starts }: Scope, values: readonly Value[], compute: Numbers): Series {
  const result = new Map<number, number>();
  for (const start of starts) {
    const points = values.map((value) => pointOf(value, start)).filter((point) => point !== undefined);
    if (points.length > 0) result.set(start, compute(...points));
  }
  return result;
}

function fill({ starts }: Scope, series: Value, filler: Value): Series {
  return new Map(starts.map((start) => [start, pointOf(series, start) ?? pointOf(filler, start) ?? Number.NaN]));
}

function choose({ starts }: Scope, [condition, yes, no]: readonly [Value, Value, Value]): Series {
  const result = new Map<number, number>();
  for (const start of starts) {
    const decided = pointOf(condition, start);
    const point = decided === undefined ? undefined : pointOf(decided === 0 ? no : yes, start);
    if (point !== undefined) result.set(start, point);
  }
  return result;
}

function pointOf(value: Value, start: number): number | undefined {
  if (typeof value === "number") return value;
  if (value instanceof Map) return value.get(start);
  throw new Error("a list of series stands where one belongs");
}

function truth(value: boolean): number {
  return value ? 1 : 0;
}
