import { isObject, MAX_DATA_BYTES } from "../json.ts";
import { expressionOf } from "../jsonata/evaluator.ts";
import { checkFields } from "./recovery.ts";
import { below, type Place, refuse } from "./report.ts";
import { type Check, evaluated, INPUT_ONLY, integer, literalNumber, oneOf, text } from "./values.ts";

type Members = Readonly<Record<string, unknown>>;

const MAX_ITEMS = 100_000_000;
const MAX_LABEL = 40;
const FORBIDDEN_IN_LABEL = /[\s?*<>{}[\]:;,\\|^~$#%&`"\p{Cc}]/u;
export const READ_OBJECT = "arn:aws:states:::s3:getObject";
export const LIST_OBJECTS = "arn:aws:states:::s3:listObjectsV2";
const WRITE_OBJECT = "arn:aws:states:::s3:putObject";

/** Refuses anything but an object, otherwise judges its fields. */
function object(check: (value: Members, place: Place) => void): Check {
  return (value, place) => {
    if (isObject(value)) check(value, place);
    else refuse(place, "Expected value of type Object");
  };
}

function requireFields(value: Members, place: Place, names: readonly string[]): void {
  const missing = names.filter((name) => value[name] === undefined);
  if (missing.length > 0) refuse(place, `These fields are required: [${missing.join(", ")}]`);
}

const percentage: Check = (value, place) => {
  if (expressionOf(value) === undefined) literalNumber(0, 100, false)(value, place);
  else evaluated(INPUT_ONLY)(value, place);
};

const label: Check = (value, place) => {
  text(value, place);
  if (typeof value !== "string") return;
  if (value.length === 0 || value.length > MAX_LABEL || FORBIDDEN_IN_LABEL.test(value))
    refuse(
      place,
      `A label has 1 to ${MAX_LABEL} characters, without spaces, wildcards, brackets and special characters`,
    );
  if (place.labels.has(value)) refuse(place, `Duplicate Label: ${value}`);
  place.labels.add(value);
};

const csvHeaders: Check = (value, place) => {
  if (!Array.isArray(value) || value.length === 0 || value.some((name) => typeof name !== "string"))
    refuse(place, "Expected a non-empty array of column names");
};

const readerConfig = object((config, place) => {
  checkFields(config, place, {
    InputType: oneOf("JSON", "JSONL", "CSV"),
    CSVHeaderLocation: oneOf("FIRST_ROW", "GIVEN"),
    CSVHeaders: csvHeaders,
    CSVDelimiter: oneOf("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    MaxItems: integer(0, MAX_ITEMS),
  });
  const isCsv = config.InputType === "CSV";
  if (isCsv) requireFields(config, place, ["CSVHeaderLocation"]);
  for (const name of ["CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"])
    if (!isCsv && name in config) refuse(below(place, name), `Field '${name}' needs 'InputType' CSV`);
  if (isCsv && (config.CSVHeaderLocation === "GIVEN") !== (config.CSVHeaders !== undefined))
    refuse(place, "'CSVHeaders' belongs to 'CSVHeaderLocation' GIVEN, and only to it");
});

const itemReader = object((reader, place) => {
  checkFields(reader, place, {
    Resource: oneOf(READ_OBJECT, LIST_OBJECTS),
    Arguments: evaluated(INPUT_ONLY),
    ReaderConfig: readerConfig,
  });
  requireFields(reader, place, ["Resource", "Arguments"]);
  const config = isObject(reader.ReaderConfig) ? reader.ReaderConfig : {};
  const at = below(place, "ReaderConfig");
  if (reader.Resource === READ_OBJECT) requireFields(config, at, ["InputType"]);
  if (reader.Resource === LIST_OBJECTS && config.InputType !== undefined)
    refuse(below(at, "InputType"), `Field 'InputType' does not go with '${LIST_OBJECTS}'`);
});

const itemBatcher = object((batcher, place) => {
  checkFields(batcher, place, {
    MaxItemsPerBatch: integer(1, MAX_ITEMS),
    MaxInputBytesPerBatch: integer(1, MAX_DATA_BYTES),
    BatchInput: evaluated(INPUT_ONLY),
  });
  if (batcher.MaxItemsPerBatch === undefined && batcher.MaxInputBytesPerBatch === undefined)
    refuse(place, "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]");
});

const writerConfig = object((config, place) => {
  checkFields(config, place, {
    Transformation: oneOf("NONE", "COMPACT", "FLATTEN"),
    OutputType: oneOf("JSON", "JSONL"),
  });
  requireFields(config, place, ["Transformation", "OutputType"]);
});

const resultWriter = object((writer, place) => {
  checkFields(writer, place, {
    Resource: oneOf(WRITE_OBJECT),
    Arguments: evaluated(INPUT_ONLY),
    WriterConfig: writerConfig,
  });
  if (writer.WriterConfig === undefined || writer.Resource !== undefined || writer.Arguments !== undefined)
    requireFields(writer, place, ["Resource", "Arguments"]);
});

/** Fields that only a distributed Map has. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html */
export const DISTRIBUTED_FIELDS: Readonly<Record<string, Check>> = {
  ItemReader: itemReader,
  ItemBatcher: itemBatcher,
  ResultWriter: resultWriter,
  Label: label,
  ToleratedFailureCount: integer(0, MAX_ITEMS),
  ToleratedFailurePercentage: percentage,
};

/** Whether an ItemProcessor runs its items as executions of their own. */
export function isDistributed(processor: unknown): boolean {
  const config = isObject(processor) ? processor.ProcessorConfig : undefined;
  return isObject(config) && config.Mode === "DISTRIBUTED";
}

/** Judges what concerns the mode of a Map: inline ones lack some fields, distributed ones run in STANDARD machines. */
export function checkMode(state: Members, place: Place): void {
  if (!isDistributed(state.ItemProcessor)) {
    for (const name of Object.keys(DISTRIBUTED_FIELDS))
      if (name in state)
        refuse(
          below(place, name),
          `Field '${name}' needs a distributed Map: set 'Mode' of the 'ProcessorConfig' to 'DISTRIBUTED'`,
        );
    return;
  }
  if (place.machineType === "EXPRESS")
    refuse(place, "Express state machine does not support Map states in DISTRIBUTED mode");
  if (state.Items !== undefined && state.ItemReader !== undefined)
    refuse(place, "Only one of these fields is allowed: [Items, ItemReader]");
}

/** Judges a `ProcessorConfig`. */
export const processorConfig: Check = object((config, place) => {
  checkFields(config, place, {
    Mode: oneOf("INLINE", "DISTRIBUTED"),
    ...(config.Mode === "DISTRIBUTED" ? { ExecutionType: oneOf("STANDARD", "EXPRESS") } : {}),
  });
  if (config.Mode === "DISTRIBUTED") requireFields(config, place, ["ExecutionType"]);
});

/** A level below a distributed Map: its states are a machine of their own, which sees no outer variables. */
export function distributedPlace(config: unknown, place: Place): Place {
  const type = isObject(config) && config.ExecutionType === "EXPRESS" ? "EXPRESS" : "STANDARD";
  return { ...place, machineType: type, outerVariables: new Set(), levelVariables: new Set() };
}
