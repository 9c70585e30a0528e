/** The state of an endpoint of a target is kept under this key. */
export function gateKey(target: string, endpoint: string): string {
  return `gate/${target}/${endpoint}`;
}

/** Target and endpoint of a key. A target has no slash in its name, an endpoint may. */
export function partsOf(key: string): { target: string; endpoint: string } {
  const [, target = "", ...endpoint] = key.split("/");
  return { target, endpoint: endpoint.join("/") };
}

const EVENTS = "/pub-sub";

/** The Pub/Sub API of an organisation: an endpoint of its own beside `orgId`, which stands for all its other APIs. */
export function eventsOf(orgId: string): string {
  return orgId + EVENTS;
}

/** Whether an endpoint is the Pub/Sub API of an organisation, for which no customer waits. */
export function isOfEvents(endpoint: string): boolean {
  return endpoint.endsWith(EVENTS);
}
