/** The doors through which changes come in, as `changeOrigin` names them. */
export type Door = "rest" | "soap" | "bulkapi";

/** `changeOrigin` of a change, such as `com/salesforce/api/bulkapi/66.0;client=connector-fleet`. */
export function changeOrigin(door: Door, version: string, client?: string): string {
  return `com/salesforce/api/${door}/${version}${client ? `;client=${client}` : ""}`;
}

/** The client that a `changeOrigin` names, or undefined. */
export function clientOf(origin: string): string | undefined {
  return /;client=([^;]+)$/.exec(origin)?.[1];
}
