import type { Access, Principal } from "./service.ts";

/** Temporary credentials of a role and the principal that they stand for. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly principal: Principal;
}

/** Who is who, and who may do what. */
export interface Identities {
  /**
   * Assumes a role on behalf of an AWS service, such as `lambda.amazonaws.com`; `sourceArn` is the resource that it
   * acts for, which the trust policy may ask for.
   * @throws AwsError `AccessDenied` when the role does not exist or its trust policy does not name the service
   */
  assume(roleArn: string, service: string, sessionName: string, sourceArn?: string): Session;
  /** The principal behind an access key: a role's session, or the administrator for a key the template does not know. */
  identify(accessKeyId: string | undefined): Principal;
  /** @throws AwsError `AccessDeniedException` (`AccessDenied` as query code) in the words of IAM */
  authorize(principal: Principal, access: Access): void;
}
