import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT, arn } from "../kernel/names.ts";
import type { Service } from "../kernel/service.ts";

/** The container registry, in which there is nothing: `serverless remove` asks for a repository of the service. */
export function createEcr(_kernel: Kernel): Service {
  return {
    name: "ecr",
    wire: { kind: "json", version: "1.1", targetPrefix: "AmazonEC2ContainerRegistry_V20150921." },
    operations: {
      DescribeRepositories: {
        access: () => [{ action: "ecr:DescribeRepositories", resource: arn("ecr", "repository/*") }],
        run: ({ repositoryNames = [] }: { readonly repositoryNames?: readonly string[] }) => {
          if (repositoryNames.length === 0) return { repositories: [] };
          throw new AwsError(
            "RepositoryNotFoundException",
            `The repository with name '${repositoryNames[0]}' does not exist in the registry with id '${ACCOUNT}'`,
          );
        },
      },
    },
  };
}
