import { expect, test } from "@jest/globals";
import { deploy } from "../template/index.ts";
import { testKernel } from "../testing.ts";
import { createS3 } from "./index.ts";

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3.html
function make(Resources: object) {
  const kernel = testKernel();
  kernel.register(createS3(kernel));
  return deploy(kernel, { Resources }, { stackName: "Fleet", artifacts: "." });
}

const policy = (Statement: object) => ({
  Type: "AWS::S3::BucketPolicy",
  Properties: { Bucket: { Ref: "Bucket" }, PolicyDocument: { Version: "2012-10-17", Statement } },
});

test("a bucket without a name gets one in lower case, the same at every boot", async () => {
  const Policy = policy({
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: { "Fn::GetAtt": ["Bucket", "Arn"] },
  });
  const [first, second] = [
    await make({ Policy, Bucket: { Type: "AWS::S3::Bucket" } }),
    await make({ Bucket: { Type: "AWS::S3::Bucket" } }),
  ];
  const bucket = first.resources.get("Bucket");
  expect(bucket?.ref).toMatch(/^fleet-bucket-[0-9a-f]{12}$/);
  expect(bucket?.attributes.Arn).toBe(`arn:aws:s3:::${bucket?.ref}`);
  expect(second.resources.get("Bucket")).toEqual(bucket);
});

test.each([
  [
    "notifications",
    { Bucket: { Type: "AWS::S3::Bucket", Properties: { NotificationConfiguration: {} } } },
    "Bucket: Properties.NotificationConfiguration",
  ],
  [
    "a policy without a principal",
    { Bucket: { Type: "AWS::S3::Bucket" }, Policy: policy({ Effect: "Deny", Action: "s3:*", Resource: "*" }) },
    "Policy: Properties.PolicyDocument.Statement[0]: needs one of Principal and NotPrincipal",
  ],
])("%s stop the boot", async (_, resources, message) => {
  await expect(make(resources)).rejects.toThrow(message);
});
