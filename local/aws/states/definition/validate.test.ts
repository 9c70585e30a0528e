import { describe, expect, test } from "@jest/globals";
import { bench } from "../testing.ts";
import { type Validation, validateDefinition } from "./validate.ts";

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
const validate = (definition: unknown, type: "STANDARD" | "EXPRESS" = "STANDARD") =>
  validateDefinition(typeof definition === "string" ? definition : JSON.stringify(definition), {
    type,
    resourceProblem: (resource) => (resource === "good" || resource.includes(".sync") ? undefined : "unknown resource"),
  });
const found = ({ diagnostics }: Validation) =>
  diagnostics.map(({ code, location, message }) => `${code} ${location}: ${message}`);
const machine = (states: object, extra: object = {}) => ({
  QueryLanguage: "JSONata",
  StartAt: Object.keys(states)[0],
  States: states,
  ...extra,
});
const one = (state: object) => machine({ X: state });
const end = { Type: "Succeed" };
const task = (extra: object) => one({ Type: "Task", Resource: "good", End: true, ...extra });

describe("what is no definition", () => {
  test.each([
    ["", "SCHEMA_VALIDATION_FAILED undefined: Definition must be a valid JSON object"],
    ["[]", "SCHEMA_VALIDATION_FAILED undefined: Definition must be a valid JSON object"],
    ["not json", "INVALID_JSON_DESCRIPTION undefined: "],
    ["{}", "SCHEMA_VALIDATION_FAILED /: These fields are required: [States, StartAt]"],
    [
      '{"States":{"A":{"Type":"Pass","QueryLanguage":"JSONata","End":true}}}',
      "/: These fields are required: [StartAt]",
    ],
  ])("%s", (text, expected) => {
    const result = validate(text);
    expect(found(result).join()).toContain(expected);
    expect(result.definition).toBeUndefined();
  });
});

describe("query language", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
  test.each([{}, { QueryLanguage: "JSONPath" }])("JSONPath for the machine %j is refused in one sentence", (top) => {
    const definition = { StartAt: "A", States: { A: { Type: "Pass", Next: "B" }, B: end }, ...top };
    expect(found(validate(definition))).toEqual([
      "SCHEMA_VALIDATION_FAILED /: The local twin runs JSONata only: set 'QueryLanguage' to 'JSONata' (without it the language is JSONPath)",
    ]);
  });

  test("JSONPath for a state of a JSONata machine", () => {
    expect(found(validate(machine({ Pass: { Type: "Pass", QueryLanguage: "JSONPath", End: true } })))).toEqual([
      "SCHEMA_VALIDATION_FAILED /States/Pass: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
    ]);
  });

  test("JSONata state by state is accepted", () => {
    const definition = { StartAt: "A", States: { A: { ...end, QueryLanguage: "JSONata" } } };
    expect(found(validate(definition))).toEqual([]);
  });
});

describe("states and transitions", () => {
  // https://states-language.net/spec.html
  test.each<[string, object, string]>([
    [
      "missing start",
      machine({ A: end }, { StartAt: "B" }),
      "MISSING_TRANSITION_TARGET /StartAt: Missing 'StartAt' target: B",
    ],
    [
      "missing target",
      machine({ A: { Type: "Pass", Next: "B" } }),
      "MISSING_TRANSITION_TARGET /States/A/Next: Missing 'Next' target: B",
    ],
    [
      "missing default",
      machine({ A: { Type: "Choice", Choices: [{ Condition: true, Next: "B" }], Default: "C" }, B: end }),
      "/States/A/Default: Missing 'Next' target: C",
    ],
    ["unreachable", machine({ A: end, B: end }), 'MISSING_TRANSITION_TARGET /States/B: State "B" is not reachable.'],
    ["no end", machine({ A: { Type: "Pass", Next: "A" } }), "MISSING_END_STATE /: "],
    ["no way on", one({ Type: "Pass" }), "/States/X: Exactly one of these fields is required: [End, Next]"],
    [
      "two ways on",
      one({ Type: "Pass", Next: "X", End: true }),
      "Exactly one of these fields is required: [End, Next]",
    ],
    ["unknown type", one({ Type: "Loop", End: true }), "/States/X/Type: Expected one of Pass, Task"],
    ["unknown field", one({ Type: "Pass", Foo: 1, End: true }), "/States/X/Foo: Field 'Foo' is not supported"],
    [
      "JSONPath field",
      one({ Type: "Pass", ResultPath: "$", End: true }),
      "/States/X/ResultPath: Field 'ResultPath' belongs to JSONPath",
    ],
    ["unknown machine field", machine({ A: end }, { Foo: 1 }), "/Foo: Field 'Foo' is not supported"],
    [
      "twin names",
      machine({ A: { Type: "Parallel", Branches: [{ StartAt: "A", States: { A: end } }], End: true } }),
      "DUPLICATE_STATE_NAME /States/A/Branches[0]/States/A: ",
    ],
    ["long name", machine({ ["x".repeat(81)]: end }), "INVALID_STATE_NAME"],
    [
      "resource",
      one({ Type: "Task", Resource: "bad", End: true }),
      "INVALID_RESOURCE /States/X/Resource: unknown resource",
    ],
    ["no resource", one({ Type: "Task", End: true }), "/States/X: These fields are required: [Resource]"],
    ["wait for nothing", one({ Type: "Wait", End: true }), "[Seconds, Timestamp]"],
    [
      "wait for two",
      one({ Type: "Wait", Seconds: 1, Timestamp: "2020-01-01T00:00:00Z", End: true }),
      "[Seconds, Timestamp]",
    ],
    ["negative wait", one({ Type: "Wait", Seconds: -1, End: true }), "/States/X/Seconds: Expected a value from 0"],
    ["heartbeat", task({ TimeoutSeconds: 5, HeartbeatSeconds: 5 }), "must be smaller than 'TimeoutSeconds'"],
    [
      "distributed Map without the type of its children",
      one({
        Type: "Map",
        ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED" }, StartAt: "A", States: { A: end } },
        End: true,
      }),
      "/States/X/ItemProcessor/ProcessorConfig: These fields are required: [ExecutionType]",
    ],
    [
      "item reader",
      one({ Type: "Map", ItemReader: {}, ItemProcessor: { StartAt: "A", States: { A: end } }, End: true }),
      "/States/X/ItemReader: Field 'ItemReader' needs a distributed Map",
    ],
  ])("%s", (_name, definition, expected) => {
    expect(found(validate(definition)).join("\n")).toContain(expected);
  });

  test("EXPRESS has no .sync", () => {
    const definition = one({ Type: "Task", Resource: "arn:aws:states:::states:startExecution.sync:2", End: true });
    expect(found(validate(definition, "EXPRESS"))).toEqual([
      "SCHEMA_VALIDATION_FAILED /States/X/Resource: Express state machine does not support '.sync' service integration",
    ]);
    expect(found(validate(definition))).toEqual([]);
  });
});

describe("expressions", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
  test.each<[string, object, string]>([
    [
      "syntax",
      one({ Type: "Pass", Output: { a: ["{% 1 + %}"] }, End: true }),
      "/States/X/Output/a[0]: The expression '1 +' is not valid JSONata: S0207",
    ],
    [
      "result in Arguments",
      task({ Arguments: "{% $states.result %}" }),
      "/States/X/Arguments: The expression '$states.result' reads '$states.result'",
    ],
    [
      "result in Pass",
      one({ Type: "Pass", Output: "{% $states.result %}", End: true }),
      "'$states.result', which exists only",
    ],
    ["error outside Catch", task({ Output: "{% $states.errorOutput %}" }), "'$states.errorOutput', which exists only"],
    [
      "result in Catch",
      machine({
        X: {
          Type: "Task",
          Resource: "good",
          Next: "Y",
          Catch: [{ ErrorEquals: ["A"], Next: "Y", Output: "{% $states.result %}" }],
        },
        Y: end,
      }),
      "/States/X/Catch[0]/Output",
    ],
    [
      "resource",
      one({ Type: "Task", Resource: "{% 'x' %}", End: true }),
      "/States/X/Resource: This field does not take a JSONata expression",
    ],
    [
      "next",
      machine({ X: { Type: "Pass", Next: "{% 'Y' %}" }, Y: end }),
      "/States/X/Next: This field does not take a JSONata expression",
    ],
    [
      "retry",
      task({ Retry: [{ ErrorEquals: ["A"], MaxAttempts: "{% 1 %}" }] }),
      "/States/X/Retry[0]/MaxAttempts: This field does not take",
    ],
    [
      "machine timeout",
      machine({ A: end }, { TimeoutSeconds: "{% 1 %}" }),
      "/TimeoutSeconds: This field does not take",
    ],
    [
      "condition",
      machine({ X: { Type: "Choice", Choices: [{ Condition: "true", Next: "Y" }] }, Y: end }),
      "/States/X/Choices[0]/Condition: Expected a boolean or a JSONata expression",
    ],
    [
      "variable name",
      one({ Type: "Pass", Assign: { "a.b": 1 }, End: true }),
      "/States/X/Assign/a.b: 'a.b' is not a valid variable name",
    ],
    [
      "reserved name",
      one({ Type: "Pass", Assign: { states: 1 }, End: true }),
      "The variable name 'states' is reserved",
    ],
  ])("%s", (_name, definition, expected) => {
    expect(found(validate(definition)).join("\n")).toContain(expected);
  });
});

describe("Retry and Catch", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
  test.each<[string, object, string]>([
    [
      "ALL not alone",
      { Retry: [{ ErrorEquals: ["States.ALL", "A"] }] },
      "/States/X/Retry[0]/ErrorEquals: 'States.ALL' must stand alone",
    ],
    [
      "ALL not last",
      { Retry: [{ ErrorEquals: ["States.ALL"] }, { ErrorEquals: ["A"] }] },
      "'States.ALL' must be in the last entry",
    ],
    ["no names", { Retry: [{ ErrorEquals: [] }] }, "Expected a non-empty array of error names"],
    [
      "rate",
      { Retry: [{ ErrorEquals: ["A"], BackoffRate: 0.5 }] },
      "/States/X/Retry[0]/BackoffRate: Expected a value from 1",
    ],
    [
      "max delay",
      { Retry: [{ ErrorEquals: ["A"], IntervalSeconds: 5, MaxDelaySeconds: 5 }] },
      "must be greater than 'IntervalSeconds'",
    ],
    ["jitter", { Retry: [{ ErrorEquals: ["A"], JitterStrategy: "SOME" }] }, "Expected one of FULL, NONE"],
    [
      "field",
      { Retry: [{ ErrorEquals: ["A"], Attempts: 1 }] },
      "/States/X/Retry[0]/Attempts: Field 'Attempts' is not supported",
    ],
    ["shape", { Retry: { ErrorEquals: ["A"] } }, "/States/X/Retry: Expected value of type Array"],
    [
      "result path",
      { Catch: [{ ErrorEquals: ["A"], Next: "X", ResultPath: "$" }] },
      "Field 'ResultPath' belongs to JSONPath",
    ],
    ["no next", { Catch: [{ ErrorEquals: ["A"] }] }, "/States/X/Catch[0]: These fields are required: [Next]"],
  ])("%s", (_name, extra, expected) => {
    expect(found(validate(task(extra))).join("\n")).toContain(expected);
  });

  test("an unknown States.* name is only a warning", () => {
    const { diagnostics, definition } = validate(task({ Retry: [{ ErrorEquals: ["States.Unknown"] }] }));
    expect(diagnostics).toMatchObject([{ severity: "WARNING", location: "/States/X/Retry[0]/ErrorEquals" }]);
    expect(definition).toBeDefined();
  });
});

describe("ValidateStateMachineDefinition", () => {
  test("answers diagnostics instead of an error, up to maxResults", async () => {
    const { api } = bench();
    const definition = JSON.stringify(machine({ A: end, B: end, C: end }));
    expect(await api("ValidateStateMachineDefinition", { definition, maxResults: 1 })).toMatchObject({
      result: "FAIL",
      diagnostics: [{ severity: "ERROR", code: "MISSING_TRANSITION_TARGET", location: "/States/B" }],
      truncated: true,
    });
    expect(await api("ValidateStateMachineDefinition", { definition: JSON.stringify(machine({ A: end })) })).toEqual({
      result: "OK",
      diagnostics: [],
      truncated: false,
    });
  });
});
