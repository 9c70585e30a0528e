// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
export type Json = any;

/** Resources of a template by logical id. */
export type Resources = Readonly<
  Record<string, { readonly Type?: string; readonly DeletionPolicy?: string; readonly Properties?: Json }>
>;

/** The parts of a template that its resources refer to. */
export interface Template {
  readonly Resources: Resources;
  readonly Conditions?: Json;
  readonly Parameters?: Json;
  readonly Outputs?: Json;
}

/** The longest that there are. */
const PSEUDO: Readonly<Record<string, string>> = {
  "AWS::AccountId": "123456789012",
  "AWS::Partition": "aws-us-gov",
  "AWS::Region": "ap-southeast-1",
  "AWS::URLSuffix": "amazonaws.com.cn",
  "AWS::StackName": "x".repeat(64),
};
const NAME_PROPERTIES = [
  "FunctionName",
  "RoleName",
  "QueueName",
  "Name",
  "TableName",
  "StateMachineName",
  "BucketName",
];
/** CloudFormation makes names of this length at most. */
const GENERATED = "x".repeat(64);
const LONGEST_QUOTE = 60;
const QUEUE_URL = "https://sqs.ap-southeast-1.amazonaws.com/123456789012/";

/** Whether CloudFormation fills the value in: a `Ref` or a function. */
export function isIntrinsic(value: Json): boolean {
  if (value === null || typeof value !== "object") return false;
  const [name = "", ...more] = Object.keys(value);
  return more.length === 0 && (name === "Ref" || name.startsWith("Fn::"));
}

/** A value as a sentence quotes it. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? `'${value}'` : (JSON.stringify(value) ?? "nothing");
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}

export function propertiesOf(resources: Resources, id: string): Json {
  return resources[id]?.Properties ?? {};
}

/** A value as it will be once CloudFormation has filled it, at its longest. */
export function resolve(value: Json, resources: Resources): Json {
  if (Array.isArray(value)) return value.map((one) => resolve(one, resources));
  if (value === null || typeof value !== "object") return value;
  const { Ref, "Fn::GetAtt": attribute, "Fn::Sub": text, "Fn::Join": join } = value;
  if (typeof Ref === "string") return referred(Ref, resources);
  if (attribute) return arnOf(String([attribute].flat()[0]).split(".")[0] ?? "", resources);
  if (typeof text === "string")
    return text.replace(/\$\{([^}!]+)\}/g, (_, name: string) =>
      name.includes(".") ? arnOf(name.split(".")[0] ?? "", resources) : referred(name, resources),
    );
  if (Array.isArray(join)) return (resolve(join[1], resources) as Json[]).join(String(join[0]));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, resolve(one, resources)]));
}

function referred(id: string, resources: Resources): string {
  const pseudo = PSEUDO[id];
  if (pseudo !== undefined) return pseudo;
  const type = resources[id]?.Type ?? "";
  if (type === "AWS::SQS::Queue") return `${QUEUE_URL}${nameOf(id, resources)}`;
  return /Secret$|StateMachine$|Topic$/.test(type) ? arnOf(id, resources) : nameOf(id, resources);
}

function arnOf(id: string, resources: Resources): string {
  return `arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:${nameOf(id, resources)}-123456`;
}

function nameOf(id: string, resources: Resources): string {
  const properties = propertiesOf(resources, id);
  const name = NAME_PROPERTIES.map((property) => properties[property]).find((one) => one !== undefined);
  const text = name === undefined ? GENERATED : resolve(name, resources);
  return typeof text === "string" ? text : GENERATED;
}
