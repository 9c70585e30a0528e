import { AwsError } from "../kernel/errors.ts";

/** Most refusals of CloudFormation. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html */
export function validationError(message: string): AwsError {
  return new AwsError("ValidationError", message);
}

export function noSuchStack(nameOrId: string): AwsError {
  return validationError(`Stack with id ${nameOrId} does not exist`);
}

export function noSuchChangeSet(name: string): AwsError {
  return new AwsError("ChangeSetNotFound", `ChangeSet [${name}] does not exist`, { status: 404 });
}
