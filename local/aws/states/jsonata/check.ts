import { compile } from "./evaluator.ts";

/** Members of `$states` that an expression may read, by where it stands. */
export interface AllowedStates {
  readonly result: boolean;
  readonly errorOutput: boolean;
}

interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly [member: string]: unknown;
}

/**
 * Checks an expression without running it.
 * @returns one sentence for each problem: syntax, `$` at the top level, members of `$states` that are not there
 */
export function checkExpression(source: string, allowed: AllowedStates): string[] {
  let tree: Node;
  try {
    tree = compile(source).ast() as unknown as Node;
  } catch (cause) {
    const { code, message, position } = cause as { code?: string; message?: string; position?: number };
    return [`is not valid JSONata: ${code ?? "error"}: ${message} (at position ${position ?? 0})`];
  }
  const problems = new Set<string>();
  visit(tree, false, (node, inner) => {
    if (node.type === "variable" && !inner && (node.value === "" || node.value === "$"))
      problems.add(`uses '$${node.value}' at the top level, where there is no context value; use '$states.input'`);
    const [root, member] = node.type === "path" ? (node.steps ?? []) : [];
    if (root?.type === "variable" && root.value === "states" && member?.type === "name")
      checkMember(String(member.value), allowed, problems);
  });
  return [...problems];
}

function checkMember(member: string, allowed: AllowedStates, problems: Set<string>): void {
  if (member === "input" || member === "context") return;
  if (member === "result" && allowed.result) return;
  if (member === "errorOutput" && allowed.errorOutput) return;
  problems.add(
    member === "result"
      ? "reads '$states.result', which exists only in the top-level 'Output' and 'Assign' of a Task, Parallel or Map state"
      : member === "errorOutput"
        ? "reads '$states.errorOutput', which exists only in the 'Output' and 'Assign' of a 'Catch' entry"
        : `reads '$states.${member}', which does not exist`,
  );
}

/** Members of a tree node below which `$` has a value: predicates, groupings, function bodies and the like. */
const GIVES_CONTEXT = new Set(["stages", "predicate", "group", "body", "terms", "pattern", "update", "delete"]);

/** Walks the tree; `inner` tells whether `$` has a value at the node. */
function visit(value: unknown, inner: boolean, see: (node: Node, inner: boolean) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, inner, see);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const node = value as Node;
  see(node, inner);
  for (const [key, child] of Object.entries(node)) {
    if (key === "steps" && Array.isArray(child)) {
      visit(child[0], inner, see);
      visit(child.slice(1), true, see);
    } else visit(child, inner || GIVES_CONTEXT.has(key), see);
  }
}
