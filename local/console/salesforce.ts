/** A login that uses the client credentials flow. */
export interface Login {
  readonly loginUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly apiVersion: string;
}

/** An answer of Salesforce that is not a success, with its own words and status. */
export class SalesforceRefusal extends Error {
  override readonly name = "SalesforceRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The REST API as one person; logs in when needed, and again after the session has ended. */
export class SalesforceApi {
  readonly #login: Login;
  #token: Promise<string> | undefined;

  constructor(login: Login) {
    this.#login = login;
  }

  /** `path` is relative to the version's root. @throws SalesforceRefusal */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const first = await this.#send(method, path, body);
    if (first.status !== 401) return read(first);
    this.#token = undefined;
    return read(await this.#send(method, path, body));
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    const { loginUrl, apiVersion } = this.#login;
    this.#token ??= this.#signIn();
    const token = await this.#token.catch((error) => {
      this.#token = undefined;
      throw error;
    });
    return fetch(`${loginUrl}/services/data/v${apiVersion}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        // What Salesforce writes for an edit in its own pages.
        "sforce-call-options": "client=SfdcInternalAPI/",
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async #signIn(): Promise<string> {
    const { loginUrl, clientId, clientSecret } = this.#login;
    const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
    const response = await fetch(`${loginUrl}/services/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    const answer = (await response.json()) as { access_token?: string; error_description?: string };
    if (!answer.access_token)
      throw new SalesforceRefusal(response.status, `Salesforce refused the login: ${answer.error_description}`);
    return answer.access_token;
  }
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return text === "" ? undefined : JSON.parse(text);
  throw new SalesforceRefusal(response.status, messageOf(text));
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }[]).map(({ message }) => message).join(" ");
  } catch {
    return text;
  }
}
