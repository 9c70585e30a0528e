import type { ServiceFactory } from "./boot.ts";

/** Every service of the twin. */
export const defaultServices: readonly ServiceFactory[] = [];
