/** The systems that the fleet connects to. */
export const SYSTEMS = ["salesforce", "stripe", "slack"] as const;
export type System = (typeof SYSTEMS)[number];

/** Where the fleet of a stage looks for the connections to Salesforce organisations: the name up to the organisation. */
export function salesforcePrefix(service: string, stage: string): string {
  return `${service}/${stage}/salesforce/`;
}

/** Name of the secret that holds a connection, as the functions of the fleet read it. */
export function secretName(service: string, stage: string, system: System, orgId = ""): string {
  return system === "salesforce" ? `${salesforcePrefix(service, stage)}${orgId}` : `${service}/${stage}/${system}`;
}
