import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import { clientOptions } from "../../cli/endpoint.ts";
import { runProgram } from "../program.ts";
import { type DeployedStack, deployedStack, SERVICE, stackName } from "./fleet-stack.ts";
import { readStage, serverless } from "./program.ts";

const HELP = `Takes the fleet of a stage back to the deployment before the one that is deployed.

usage: npm run rollback -- --stage <stage> [--to <timestamp>] [--list]

  --stage <stage>    which fleet; required
  --to <timestamp>   which deployment, as --list shows it; default: the newest before the one that is deployed
  --list             show the deployments and change nothing

The last five deployments are kept. One that failed half way is among them until the next that succeeds. Data is not
taken back: a function of before finds what the later one wrote. Exit code 0 when it is taken back, 1 when it is not, 2
for wrong usage.`;

/** `<milliseconds>-<moment>`, as the framework names the folder of a deployment. */
const FOLDER = /\/(\d+)-[^/]+\//;

async function main(args: string[]): Promise<number> {
  const { stage, values } = readStage(args, { to: { type: "string" }, list: { type: "boolean", default: false } });
  const options = clientOptions();
  const stack = await deployedStack(new CloudFormationClient(options), stage);
  if (!stack) throw new Error(`there is no stack ${stackName(stage)}: deploy it first, or give another --stage`);
  const current = deployedAt(stack);
  const kept = await deployments(new S3Client(options), stack, stage);
  if (values.list) {
    for (const at of kept) console.log(`${at}  ${moment(at)}${at === current ? "  deployed" : ""}`);
    return 0;
  }
  const target = chooseDeployment(kept, current, values.to as string | undefined);
  console.log(
    `${stack.name} goes back from the deployment of ${current === undefined ? "an unknown time" : moment(current)} to that of ${moment(target)}.`,
  );
  return serverless(["rollback", "--stage", stage, "--timestamp", String(target)]);
}

/** When the deployed version was deployed, as its packages' names say. */
export function deployedAt({ template }: Pick<DeployedStack, "template">): number | undefined {
  for (const { Type, Properties } of Object.values(template.Resources ?? {})) {
    if (Type !== "AWS::Lambda::Function") continue;
    const { S3Key } = (Properties?.Code ?? {}) as { S3Key?: string };
    const at = FOLDER.exec(S3Key ?? "")?.[1];
    if (at) return Number(at);
  }
  return undefined;
}

/**
 * The deployment to go back to.
 * @param kept oldest first
 * @throws Error when there is none
 */
export function chooseDeployment(kept: readonly number[], current: number | undefined, to: string | undefined): number {
  if (to !== undefined) {
    const found = kept.find((at) => String(at) === to);
    if (found !== undefined) return found;
    throw new Error(`there is no deployment '${to}': --list shows those that are kept`);
  }
  const before = kept.filter((at) => current !== undefined && at < current).at(-1);
  if (before !== undefined) return before;
  throw new Error("there is no deployment before the one that is deployed: --list shows those that are kept");
}

async function deployments(client: S3Client, { resources }: DeployedStack, stage: string): Promise<number[]> {
  const Bucket = resources.find(({ logicalId }) => logicalId === "ServerlessDeploymentBucket")?.ref;
  if (!Bucket) return [];
  const found = new Set<number>();
  const Prefix = `serverless/${SERVICE}/${stage}/`;
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix }))
    for (const { Key = "" } of Contents)
      if (Key.endsWith("/compiled-cloudformation-template.json")) found.add(Number(FOLDER.exec(Key)?.[1]));
  return [...found].sort((a, b) => a - b);
}

function moment(at: number): string {
  return new Date(at).toISOString();
}

if (import.meta.main) await runProgram("npm run rollback", HELP, main);
