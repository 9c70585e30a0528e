import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { type ExemplifiedTask, payloadsOf, type TaskContract } from "#shared/contracts/task.ts";
import { type Payloads, taskBreaks } from "../scripts/events/published.ts";
import { invocationsOf, type State, tasksOf } from "./definitions.ts";
import { tasks } from "./tasks.ts";

const MACHINES = ["backfill", "customer-sync"].map((name) => {
  const folder = join(import.meta.dirname, name);
  const definition = readFileSync(join(folder, "definition.asl.json"), "utf8");
  const resources = readFileSync(join(folder, "resources.yml"), "utf8");
  const { States, TimeoutSeconds } = JSON.parse(definition);
  return { name, definition, seconds: TimeoutSeconds, invoked: invokedBy(States, resources) };
});

/** The function of every task that invokes one, by the name it has in `functions:`. */
function invokedBy(states: Readonly<Record<string, State>>, resources: string): [string, string][] {
  return invocationsOf(tasksOf(states)).map(([, state]) => {
    const text = JSON.stringify(state);
    const [, placeholder = ""] = /"FunctionName":"\$\{(\w+)\}"/.exec(text) ?? [];
    const [, id = ""] = new RegExp(`${placeholder}: .*\\[(\\w+)LambdaFunction,`).exec(resources) ?? [];
    return [id.charAt(0).toLowerCase() + id.slice(1).replaceAll("Dash", "-"), text];
  });
}

/** The committed file: what functions and runs in flight agreed to before the change at hand. */
function committed({ name }: TaskContract): Payloads {
  return JSON.parse(readFileSync(join(import.meta.dirname, "..", "docs", "payloads", `${name}.json`), "utf8"));
}

const accepts = (schema: unknown, value: unknown) =>
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).error?.issues ?? [];

describe("what machines and functions hand each other", () => {
  test("is agreed for every function that a definition invokes, and no other", () => {
    const invoked = MACHINES.flatMap((machine) => machine.invoked.map(([name]) => name));
    expect([...new Set(invoked)].sort()).toEqual(tasks.map(({ name }) => name).sort());
  });

  test("may be contracted when the longest run is over, as AGENTS.md says", () => {
    const longest = Object.fromEntries(MACHINES.map(({ name, seconds }) => [name, seconds]));
    expect(longest).toEqual({ backfill: 30 * 86_400, "customer-sync": 110 });
  });

  test.each(MACHINES.flatMap(({ definition, invoked }) => invoked.map((one) => [...one, definition] as const)))(
    "holds every member that its definition reads of %s",
    (name, state, definition) => {
      const whole = /"(\w+)":"\{% \$states\.result\.Payload %\}"/.exec(state)?.[1];
      const inDefinition = whole ? [...definition.matchAll(new RegExp(`\\$${whole}\\.(\\w+)`, "g"))] : [];
      const reads = [...state.matchAll(/\$states\.result\.Payload\.(\w+)/g), ...inDefinition];
      const agreed = JSON.stringify(committed(tasks.find((task) => task.name === name) as TaskContract).output);
      expect(reads.map(([, member]) => member).filter((member) => !agreed.includes(`"${member}":{`))).toEqual([]);
    },
  );
});

describe.each<[string, ExemplifiedTask]>(tasks.map((task) => [task.name, task]))(
  "old and new side by side: %s",
  (_, task) => {
    const old = committed(task);

    test("a run in flight: what it sends is taken by today's function, whose answers it can read", () => {
      for (const { input } of old.examples) expect(task.input.safeParse(input).error?.issues ?? []).toEqual([]);
      for (const { output } of task.examples) expect(accepts(old.output, output)).toEqual([]);
      expect(taskBreaks(old, task)).toEqual([]);
    });

    test("a new run that meets the function of before: what it sends is taken", () => {
      for (const { input } of task.examples) expect(accepts(old.input, input)).toEqual([]);
    });
  },
);

describe("a change of a task", () => {
  const input = { id: z.string(), note: z.string().optional(), kind: z.enum(["a", "b"]) };
  const output = { state: z.enum(["running", "done"]), count: z.int(), reason: z.string().optional() };
  const of = (takes: z.ZodRawShape, answers: z.ZodRawShape): ExemplifiedTask => ({
    name: "example",
    input: z.looseObject(takes),
    output: z.object(answers),
    examples: [{ input: { id: "1", kind: "a" }, output: { state: "done", count: 1 } }],
  });
  const before: Payloads = JSON.parse(JSON.stringify(payloadsOf(of(input, output))));
  const { note: _note, ...withoutNote } = input;
  const { count, ...withoutCount } = output;
  const { reason, ...withoutReason } = output;

  test.each<[string, z.ZodRawShape, z.ZodRawShape]>([
    ["nothing", input, output],
    ["an optional member of the input", { ...input, extra: z.string().optional() }, output],
    ["an input that allows more", { ...input, note: z.string().nullish(), kind: z.enum(["a", "b", "c"]) }, output],
    ["a member of the input that is optional now", { ...input, id: z.string().optional() }, output],
    ["another member of the output", input, { ...output, extra: z.string() }],
    ["an output that allows less", input, { ...output, state: z.literal("done"), reason: z.string() }],
  ])("passes: %s", (_what, takes, answers) => {
    expect(taskBreaks(before, of(takes, answers))).toEqual([]);
  });

  test.each<[string, z.ZodRawShape, z.ZodRawShape, string[]]>([
    [
      "a required member of the input",
      { ...input, extra: z.string() },
      output,
      ["input.extra: newly required", "examples[0].input: refused"],
    ],
    ["a removed member of the input", withoutNote, output, ["input.note: removed"]],
    [
      "an optional input that is required now",
      { ...input, note: z.string() },
      output,
      ["input.note: newly required", "examples[0].input: refused"],
    ],
    ["an input that allows less", { ...input, kind: z.literal("a") }, output, ["input.kind: other values"]],
    ["an input with a rule", { ...input, id: z.string().max(9) }, output, ["input.id: 'maxLength' changed"]],
    ["a removed member of the output", input, withoutCount, ["output.count: removed"]],
    ["a removed optional member of the output", input, withoutReason, ["output.reason: removed"]],
    [
      "an output that may be missing",
      input,
      { ...output, count: count.optional() },
      ["output.count: no longer certain"],
    ],
    ["an output that allows more", input, { ...output, reason: reason.nullable() }, ["output.reason: 'type' changed"]],
    [
      "an outcome that no older run knows",
      input,
      { ...output, state: z.enum(["running", "done", "new"]) },
      ["output.state: other values"],
    ],
    [
      "an output of another type",
      input,
      { ...output, reason: reason.or(z.number()) },
      ["output.reason: 'type' changed"],
    ],
  ])("is refused: %s", (_what, takes, answers, found) => {
    expect(taskBreaks(before, of(takes, answers))).toEqual(found);
  });
});
