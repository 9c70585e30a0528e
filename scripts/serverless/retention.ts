interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

const TABLE = "AWS::DynamoDB::Table";
const HOLD_DATA = new Set([TABLE, "AWS::S3::Bucket"]);

/**
 * Tables and buckets with what becomes of them when a stack, or a template, does without them. One that is kept says
 * `RetainExceptOnCreate`: a first deployment that fails leaves no table in the way of the next.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
 * @returns those that hold data, by logical id
 */
export function withRetention(
  resources: Readonly<Record<string, Resource>>,
  retainData: boolean | string,
): Record<string, Resource> {
  const isRetained = String(retainData) === "true";
  const policies = {
    DeletionPolicy: isRetained ? "RetainExceptOnCreate" : "Delete",
    UpdateReplacePolicy: isRetained ? "Retain" : "Delete",
  };
  return Object.fromEntries(
    Object.entries(resources)
      .filter(([, { Type }]) => HOLD_DATA.has(Type))
      .map(([id, resource]) => [
        id,
        {
          ...resource,
          ...policies,
          ...(resource.Type === TABLE
            ? { Properties: { ...resource.Properties, DeletionProtectionEnabled: isRetained } }
            : {}),
        },
      ]),
  );
}
