import { describe, expect, test } from "@jest/globals";
import type { MachineType } from "./types.ts";
import { validateDefinition } from "./validate.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
const PROCESSOR = {
  ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "EXPRESS" },
  StartAt: "Do",
  States: { Do: { Type: "Pass", Assign: { seen: 1 }, End: true } },
};
const READER = {
  Resource: "arn:aws:states:::s3:getObject",
  Arguments: { Bucket: "b", Key: "{% $states.input.key %}" },
  ReaderConfig: { InputType: "CSV", CSVHeaderLocation: "GIVEN", CSVHeaders: ["id"], MaxItems: "{% 5 %}" },
};
const WRITER = { Resource: "arn:aws:states:::s3:putObject", Arguments: { Bucket: "b", Prefix: "p" } };
const MAP = {
  Type: "Map",
  ItemProcessor: PROCESSOR,
  ItemReader: READER,
  ItemBatcher: { MaxItemsPerBatch: 10, BatchInput: { a: "{% $seen %}" } },
  ItemSelector: { id: "{% $states.context.Map.Item.Value.id %}" },
  ResultWriter: { ...WRITER, WriterConfig: { Transformation: "FLATTEN", OutputType: "JSONL" } },
  MaxConcurrency: 5,
  ToleratedFailureCount: "{% 3 %}",
  ToleratedFailurePercentage: 2.5,
  Label: "each",
  Next: "Again",
};

function problems(states: object, type: MachineType = "STANDARD"): string[] {
  const definition = JSON.stringify({ QueryLanguage: "JSONata", StartAt: "X", States: states });
  const options = {
    type,
    resourceProblem: (resource: string, machineType: MachineType) => (machineType === "EXPRESS" ? resource : undefined),
  };
  const { diagnostics } = validateDefinition(definition, options);
  return diagnostics.map(({ location, message }) => `${location}: ${message}`);
}

const one = (fields: object) => {
  const { Next: _, ...map } = MAP;
  return { X: { ...map, End: true, ...fields } };
};

test("every field of a distributed Map is known, and its states are a machine of their own", () => {
  const again = {
    ...MAP,
    Label: "again",
    Next: "End",
    ItemProcessor: { ...PROCESSOR, StartAt: "D", States: { D: PROCESSOR.States.Do } },
  };
  const states = {
    Set: { Type: "Pass", Assign: { seen: 0 }, Next: "X" },
    X: MAP,
    Again: again,
    End: { Type: "Succeed" },
  };
  const definition = JSON.stringify({ QueryLanguage: "JSONata", StartAt: "Set", States: states });
  const result = validateDefinition(definition, { type: "STANDARD", resourceProblem: () => undefined });
  expect(result.diagnostics).toEqual([]);
});

describe("refused", () => {
  test.each([
    [
      "in an EXPRESS machine",
      {},
      "/States/X: Express state machine does not support Map states in DISTRIBUTED mode",
      "EXPRESS",
    ],
    ["items from two places", { Items: [1] }, "/States/X: Only one of these fields is allowed: [Items, ItemReader]"],
    ["a long label", { Label: "x".repeat(41) }, "/States/X/Label: A label has 1 to 40 characters"],
    ["a label with a space", { Label: "a b" }, "/States/X/Label: A label has 1 to 40 characters"],
    [
      "a percentage above 100",
      { ToleratedFailurePercentage: 101 },
      "/States/X/ToleratedFailurePercentage: Expected a value from 0 to 100",
    ],
    [
      "a batcher without a limit",
      { ItemBatcher: { BatchInput: 1 } },
      "/States/X/ItemBatcher: At least one of these fields is required",
    ],
    ["a batch above 256 KiB", { ItemBatcher: { MaxInputBytesPerBatch: 262_145 } }, "Expected a value from 1 to 262144"],
    [
      "another reader",
      { ItemReader: { ...READER, Resource: "arn:aws:states:::s3:headObject" } },
      "/States/X/ItemReader/Resource: Expected one of",
    ],
    [
      "a format the twin does not read",
      { ItemReader: { ...READER, ReaderConfig: { InputType: "PARQUET" } } },
      "/States/X/ItemReader/ReaderConfig/InputType: Expected one of JSON, JSONL, CSV",
    ],
    [
      "no format",
      { ItemReader: { ...READER, ReaderConfig: {} } },
      "/States/X/ItemReader/ReaderConfig: These fields are required: [InputType]",
    ],
    [
      "headers without a place",
      { ItemReader: { ...READER, ReaderConfig: { InputType: "CSV" } } },
      "These fields are required: [CSVHeaderLocation]",
    ],
    [
      "given headers that are not given",
      { ItemReader: { ...READER, ReaderConfig: { InputType: "CSV", CSVHeaderLocation: "GIVEN" } } },
      "'CSVHeaders' belongs to 'CSVHeaderLocation' GIVEN",
    ],
    [
      "CSV fields for JSON",
      { ItemReader: { ...READER, ReaderConfig: { InputType: "JSON", CSVDelimiter: "TAB" } } },
      "Field 'CSVDelimiter' needs 'InputType' CSV",
    ],
    [
      "an unknown field",
      { ItemReader: { ...READER, ReaderConfig: { InputType: "JSON", ItemsPointer: "/a" } } },
      "Field 'ItemsPointer' is not supported",
    ],
    [
      "an empty writer",
      { ResultWriter: {} },
      "/States/X/ResultWriter: These fields are required: [Resource, Arguments]",
    ],
    ["half a writer", { ResultWriter: { Resource: WRITER.Resource } }, "These fields are required: [Arguments]"],
    [
      "an unknown shape",
      { ResultWriter: { WriterConfig: { Transformation: "ZIP", OutputType: "JSON" } } },
      "Expected one of NONE, COMPACT, FLATTEN",
    ],
  ])("%s", (_, fields, expected, type = "STANDARD") => {
    expect(problems(one(fields), type as MachineType).join("\n")).toContain(expected);
  });

  test("the same label twice", () => {
    const other = { ...PROCESSOR, StartAt: "D", States: { D: { Type: "Pass", End: true } } };
    const { X } = one({ ItemProcessor: other });
    expect(problems({ X: { ...MAP, Next: "Y" }, Y: X })).toEqual(["/States/Y/Label: Duplicate Label: each"]);
  });

  test("in EXPRESS children what EXPRESS machines cannot do", () => {
    const Do = { Type: "Task", Resource: "arn:aws:states:::states:startExecution.sync:2", End: true };
    const ItemProcessor = { ...PROCESSOR, States: { Do } };
    expect(problems(one({ ItemProcessor }))).toEqual([
      "/States/X/ItemProcessor/States/Do/Resource: Express state machine does not support '.sync' service integration",
    ]);
  });
});
