/** The state of an endpoint of a target is kept under this key. */
export function gateKey(target: string, endpoint: string): string {
  return `gate/${target}/${endpoint}`;
}

/** Target and endpoint of a key. A target has no slash in its name, an endpoint may. */
export function partsOf(key: string): { target: string; endpoint: string } {
  const [, target = "", ...endpoint] = key.split("/");
  return { target, endpoint: endpoint.join("/") };
}
