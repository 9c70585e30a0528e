import type { PolicyDocument } from "../kernel/service.ts";

const LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
const XRAY = [
  "xray:PutTraceSegments",
  "xray:PutTelemetryRecords",
  "xray:GetSamplingRules",
  "xray:GetSamplingTargets",
  "xray:GetSamplingStatisticSummaries",
];

function allow(...Action: string[]): PolicyDocument {
  return { Version: "2012-10-17", Statement: { Effect: "Allow", Action, Resource: "*" } };
}

/**
 * The AWS managed policies that a template may name, by ARN.
 * https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
export const AWS_MANAGED: ReadonlyMap<string, PolicyDocument> = new Map([
  ["arn:aws:iam::aws:policy/AdministratorAccess", allow("*")],
  ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", allow(...LOGS)],
  [
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
    allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", ...LOGS),
  ],
  ["arn:aws:iam::aws:policy/service-role/AWSLambdaRole", allow("lambda:InvokeFunction")],
  ["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess", allow(...XRAY)],
  ["arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess", allow(...XRAY)],
]);
