/** One step of a path: a key, an index, or every element. */
type Step = string | number | "*";

const STEP = /^(?:\.([\w-]+|\*)|\[(\d+|\*)\]|\['([^']+)'\]|\["([^"]+)"\])/;

/**
 * Parses the part of JSONPath that EventBridge takes in `InputPath` and `InputPathsMap`: keys, indexes and `[*]`.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 * @throws SyntaxError when `path` is none
 */
export function compileJsonPath(path: string): (document: unknown) => unknown {
  if (!path.startsWith("$")) throw new SyntaxError("a path starts with $");
  const steps: Step[] = [];
  let rest = path.slice(1);
  while (rest) {
    const match = STEP.exec(rest);
    if (!match) throw new SyntaxError(`cannot read '${rest}'`);
    const [whole, key, index, single, double] = match;
    steps.push(index === undefined ? (key ?? single ?? double ?? "") : index === "*" ? "*" : Number(index));
    rest = rest.slice(whole.length);
  }
  return (document) => select(document, steps);
}

function select(value: unknown, steps: readonly Step[]): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (value === null || typeof value !== "object") return undefined;
  if (step === "*") {
    const selected = Object.values(value).map((member) => select(member, rest));
    return selected.filter((member) => member !== undefined);
  }
  if (typeof step === "number" && !Array.isArray(value)) return undefined;
  if (!Object.hasOwn(value, step)) return undefined;
  return select((value as Record<string, unknown>)[step], rest);
}
