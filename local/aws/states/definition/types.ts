import type { Json, JsonObject } from "../json.ts";

/** Amazon States Language in JSONata mode, after validation. https://states-language.net/spec.html */
export interface StateGroup {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export interface MachineDefinition extends StateGroup {
  readonly Comment?: string;
  readonly QueryLanguage?: "JSONata";
  readonly Version?: string;
  /** Whole seconds; never an expression. */
  readonly TimeoutSeconds?: number;
}

interface Common {
  readonly Comment?: string;
  readonly QueryLanguage?: "JSONata";
  readonly Output?: Json;
}

interface Assigning {
  readonly Assign?: JsonObject;
}

interface Moving {
  readonly Next?: string;
  readonly End?: true;
}

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: "FULL" | "NONE";
}

export interface Catcher extends Assigning {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly Output?: Json;
}

interface Recovering {
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
}

export interface PassState extends Common, Assigning, Moving {
  readonly Type: "Pass";
}

export interface TaskState extends Common, Assigning, Moving, Recovering {
  readonly Type: "Task";
  readonly Resource: string;
  readonly Arguments?: Json;
  readonly TimeoutSeconds?: number | string;
  readonly HeartbeatSeconds?: number | string;
}

export interface ChoiceRule extends Assigning {
  readonly Condition: string | boolean;
  readonly Next: string;
  readonly Output?: Json;
}

export interface ChoiceState extends Common, Assigning {
  readonly Type: "Choice";
  readonly Choices: readonly ChoiceRule[];
  readonly Default?: string;
}

export interface WaitState extends Common, Assigning, Moving {
  readonly Type: "Wait";
  readonly Seconds?: number | string;
  readonly Timestamp?: string;
}

export interface SucceedState extends Common {
  readonly Type: "Succeed";
}

export interface FailState {
  readonly Type: "Fail";
  readonly Comment?: string;
  readonly QueryLanguage?: "JSONata";
  readonly Error?: string;
  readonly Cause?: string;
}

export interface ParallelState extends Common, Assigning, Moving, Recovering {
  readonly Type: "Parallel";
  readonly Branches: readonly StateGroup[];
  readonly Arguments?: Json;
}

export interface ItemProcessor extends StateGroup {
  readonly ProcessorConfig?: {
    readonly Mode?: "INLINE" | "DISTRIBUTED";
    /** Of the children of a distributed Map. */
    readonly ExecutionType?: MachineType;
  };
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html */
export interface ItemReader {
  readonly Resource: string;
  readonly Arguments?: Json;
  readonly ReaderConfig?: ReaderConfig;
}

export interface ReaderConfig {
  readonly InputType?: "JSON" | "JSONL" | "CSV";
  readonly CSVHeaderLocation?: "FIRST_ROW" | "GIVEN";
  readonly CSVHeaders?: readonly string[];
  readonly CSVDelimiter?: "COMMA" | "PIPE" | "SEMICOLON" | "SPACE" | "TAB";
  readonly MaxItems?: number | string;
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html */
export interface ItemBatcher {
  readonly MaxItemsPerBatch?: number | string;
  readonly MaxInputBytesPerBatch?: number | string;
  readonly BatchInput?: Json;
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html */
export interface ResultWriter {
  readonly Resource?: string;
  readonly Arguments?: Json;
  readonly WriterConfig?: {
    readonly Transformation?: "NONE" | "COMPACT" | "FLATTEN";
    readonly OutputType?: "JSON" | "JSONL";
  };
}

export interface MapState extends Common, Assigning, Moving, Recovering {
  readonly Type: "Map";
  readonly Items?: Json;
  readonly ItemSelector?: Json;
  readonly ItemProcessor: ItemProcessor;
  readonly MaxConcurrency?: number | string;
  readonly ItemReader?: ItemReader;
  readonly ItemBatcher?: ItemBatcher;
  readonly ResultWriter?: ResultWriter;
  readonly Label?: string;
  readonly ToleratedFailureCount?: number | string;
  readonly ToleratedFailurePercentage?: number | string;
}

export type State =
  | PassState
  | TaskState
  | ChoiceState
  | WaitState
  | SucceedState
  | FailState
  | ParallelState
  | MapState;

export type StateType = State["Type"];
export type MachineType = "STANDARD" | "EXPRESS";
