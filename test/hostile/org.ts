import type { SalesforceEmulator } from "../../local/saas/salesforce/emulator.ts";

/** Who calls: two people, and somebody who names the client that our own write-back names. */
export type User = "ada" | "grace" | "us";

/** An answer of Salesforce; `body` is undefined when there is none. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: unknown;
}

/** Another version of the API than the fleet's, so that faults can hit the fleet's calls alone. */
const PEOPLES_VERSION = "v65.0";

/** The org as people see it: its REST API and the emulator's controls. A restarted emulator takes the old one's place. */
export class PeoplesOrg {
  /** Calls of the collection resource, the one that the fleet calls too. */
  collectionUpdates = 0;
  readonly refusals = new Map<string, number>();
  #salesforce: SalesforceEmulator;
  #tokens = new Map<User, string>();

  constructor(salesforce: SalesforceEmulator) {
    this.#salesforce = salesforce;
  }

  moveTo(salesforce: SalesforceEmulator): void {
    this.#salesforce = salesforce;
    this.#tokens = new Map();
  }

  get orgId(): string {
    return this.#salesforce.orgId;
  }

  /** `path` is relative to the version's root. A refusal is counted and answered. */
  async call(user: User, method: string, path: string, body?: object): Promise<Answer> {
    if (method === "PATCH" && path === "composite/sobjects") this.collectionUpdates += 1;
    let answer = await this.#send(user, method, path, body);
    if (answer.status === 401) {
      this.#tokens.delete(user);
      answer = await this.#send(user, method, path, body);
    }
    if (!answer.ok) this.#refused(`${method} ${path.split("/")[0]} ${codeOf(answer.body)}`);
    return answer;
  }

  /** Rows of a query, those of the recycle bin too. */
  async rows<Row>(soql: string): Promise<Row[]> {
    const { ok, body } = await this.call("ada", "GET", `queryAll?q=${encodeURIComponent(soql)}`);
    const { records, done } = body as { records: Row[]; done: boolean };
    if (!ok || !done) throw new Error(`The query was not answered on one page: ${JSON.stringify(body).slice(0, 300)}`);
    return records;
  }

  /** Works one of the emulator's controls. */
  async control(path: string, input: object = {}, method = "POST"): Promise<Answer> {
    const hasBody = method === "POST";
    const response = await fetch(`${this.#salesforce.url}/__emulator__/${path}`, {
      method,
      ...(hasBody ? { body: JSON.stringify(input) } : {}),
    });
    const answer = await answerOf(response);
    if (!answer.ok) this.#refused(`control ${path}`);
    return answer;
  }

  #refused(what: string): void {
    this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
  }

  async #send(user: User, method: string, path: string, body: object | undefined): Promise<Answer> {
    const { url } = this.#salesforce;
    const token = this.#tokens.get(user) ?? (await this.#signIn(user));
    this.#tokens.set(user, token);
    const client = user === "us" ? this.#salesforce.connection().integrationClientName : "SfdcInternalAPI/";
    const response = await fetch(`${url}/services/data/${PEOPLES_VERSION}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        "sforce-call-options": `client=${client}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answerOf(response);
  }

  async #signIn(user: User): Promise<string> {
    const { clientId, clientSecret } = {
      ada: () => this.#salesforce.humanConnection(),
      grace: () => this.#salesforce.otherConnection(),
      us: () => this.#salesforce.connection(),
    }[user]();
    const { body } = await this.control("sessions", { clientId, clientSecret });
    return (body as { access_token: string }).access_token;
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { ok: response.ok, status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

function codeOf(body: unknown): string {
  return (Array.isArray(body) && String((body[0] as { errorCode?: unknown })?.errorCode)) || "refused";
}
