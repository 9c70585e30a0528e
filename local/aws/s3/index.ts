import { readPolicy } from "../iam/document.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { physicalName, REGION } from "../kernel/names.ts";
import type { ResourceProvider, Service } from "../kernel/service.ts";

/**
 * S3 buckets as records: the template's deployment bucket holds artifacts that the twin reads from the disk, so no
 * call is implemented.
 */
export function createS3(_kernel: Kernel): Service {
  return {
    name: "s3",
    wire: { kind: "rest", routes: [] },
    operations: {},
    resources: [bucketProvider(), bucketPolicyProvider()],
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html */
function bucketProvider(): ResourceProvider {
  return {
    type: "AWS::S3::Bucket",
    properties: [
      ...["BucketName", "BucketEncryption", "PublicAccessBlockConfiguration", "VersioningConfiguration"],
      ...["LifecycleConfiguration", "OwnershipControls", "AccelerateConfiguration", "AccessControl", "Tags"],
    ],
    create({ logicalId, properties, stackName }) {
      const name = properties.BucketName ?? physicalName(stackName, logicalId, 63).toLowerCase();
      return {
        ref: name,
        attributes: {
          Arn: `arn:aws:s3:::${name}`,
          DomainName: `${name}.s3.amazonaws.com`,
          RegionalDomainName: `${name}.s3.${REGION}.amazonaws.com`,
        },
      };
    },
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html */
function bucketPolicyProvider(): ResourceProvider {
  return {
    type: "AWS::S3::BucketPolicy",
    properties: ["Bucket", "PolicyDocument"],
    create({ logicalId, properties }) {
      readPolicy(properties.PolicyDocument, logicalId, "Properties.PolicyDocument", "resource");
      return { ref: `${properties.Bucket}-policy`, attributes: {} };
    },
  };
}
