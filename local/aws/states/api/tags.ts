import { AwsError } from "../../kernel/errors.ts";
import type { Operation } from "../../kernel/service.ts";
import type { StatesContext } from "../service.ts";
import { requiredString } from "./input.ts";

/** Tags of state machines. https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html */
export function tagOperations({ machines }: StatesContext): Record<string, Operation> {
  const tags = (input: Record<string, unknown>) => {
    const arn = requiredString(input, "resourceArn");
    if (!machines.find(arn)) throw new AwsError("ResourceNotFound", `Resource not found: '${arn}'`);
    return machines.tags(arn);
  };
  const access = (operation: string) => (input: { resourceArn?: string }) => [
    { action: `states:${operation}`, resource: input.resourceArn ?? "*" },
  ];
  return {
    TagResource: {
      access: access("TagResource"),
      run: (input) => {
        const known = tags(input);
        for (const { key, value } of input.tags ?? []) known.set(key, value);
        return {};
      },
    },
    UntagResource: {
      access: access("UntagResource"),
      run: (input) => {
        const known = tags(input);
        for (const key of input.tagKeys ?? []) known.delete(key);
        return {};
      },
    },
    ListTagsForResource: {
      access: access("ListTagsForResource"),
      run: (input) => ({ tags: [...tags(input)].map(([key, value]) => ({ key, value })) }),
    },
  };
}
