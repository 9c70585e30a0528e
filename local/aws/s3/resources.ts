import { readPolicy } from "../iam/document.ts";
import { physicalName, REGION } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { bucketArn, type S3Context } from "./access.ts";
import { bucketNotEmpty } from "./errors.ts";

/** CloudFormation types of S3. */
export function bucketProviders(context: S3Context): ResourceProvider[] {
  return [bucketProvider(context), bucketPolicyProvider(context)];
}

/**
 * Lifecycle rules are accepted, not carried out: the twin does not live for days.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
 */
function bucketProvider({ store }: S3Context): ResourceProvider {
  return {
    type: "AWS::S3::Bucket",
    properties: [
      ...["BucketName", "BucketEncryption", "PublicAccessBlockConfiguration", "VersioningConfiguration"],
      ...["LifecycleConfiguration", "OwnershipControls", "AccelerateConfiguration", "AccessControl", "Tags"],
    ],
    create(resource) {
      const name = bucketName(resource);
      store.createBucket(name);
      return {
        ref: name,
        attributes: {
          Arn: bucketArn(name),
          DomainName: `${name}.s3.amazonaws.com`,
          RegionalDomainName: `${name}.s3.${REGION}.amazonaws.com`,
        },
      };
    },
    taken: (resource) => (store.hasBucket(bucketName(resource)) ? bucketName(resource) : undefined),
    delete({ ref }) {
      if (store.list(ref, "").length > 0) throw bucketNotEmpty(ref);
      store.deleteBucket(ref);
    },
  };
}

function bucketName(resource: TemplateResource): string {
  return resource.properties.BucketName ?? physicalName(resource, 63).toLowerCase();
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html */
function bucketPolicyProvider({ policies }: S3Context): ResourceProvider {
  return {
    type: "AWS::S3::BucketPolicy",
    properties: ["Bucket", "PolicyDocument"],
    create({ logicalId, properties }) {
      const policy = readPolicy(properties.PolicyDocument, logicalId, "Properties.PolicyDocument", "resource");
      policies.set(properties.Bucket, policy);
      return { ref: `${properties.Bucket}-policy`, attributes: {} };
    },
    delete: ({ properties }) => void policies.delete(properties.Bucket),
  };
}
