import { isPartnerBus } from "./orgs.ts";
import type { Resources } from "./resolve.ts";

/** What a person or another stack needs to find: type of the resource, and what is told of it. */
const TOLD: Readonly<Record<string, { readonly what: string; readonly arn: boolean }>> = {
  "AWS::Events::EventBus": { what: "event bus", arn: true },
  "AWS::DynamoDB::Table": { what: "table", arn: true },
  "AWS::SQS::Queue": { what: "queue", arn: true },
  "AWS::StepFunctions::StateMachine": { what: "state machine", arn: false },
  "AWS::S3::Bucket": { what: "bucket", arn: true },
  "AWS::CloudWatch::Dashboard": { what: "dashboard", arn: false },
};

/**
 * Outputs of the stack: the name or URL of everything of the fleet's own, and its ARN where that is another one. The buses of
 * organisations are left out: their names are parameters, and a stack has 200 outputs at most.
 */
export function buildOutputs(resources: Resources): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(resources).flatMap(([id, { Type = "" }]) => {
      const told = TOLD[Type];
      if (!told || isPartnerBus(id) || id === "ServerlessDeploymentBucket") return [];
      const output = (Value: unknown, word: string) => ({ Description: `${word} of the ${told.what} ${id}`, Value });
      return [
        [id, output({ Ref: id }, "Name or address")],
        ...(told.arn ? [[`${id}Arn`, output({ "Fn::GetAtt": [id, "Arn"] }, "ARN")]] : []),
      ];
    }),
  );
}
