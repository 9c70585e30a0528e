/** Every target that functions open a gate to; the reconciler measures each, and each has its alarms. */
export const GATED_TARGETS = ["billing", "salesforce", "slack"] as const;

export type GatedTarget = (typeof GATED_TARGETS)[number];
