import { z } from "zod";

/** The secret that connects to one Stripe account. */
export const stripeConnectionSchema = z.looseObject({
  /** A restricted key with write access to customers. */
  apiKey: z.string().min(1),
  /** Another address than https://api.stripe.com, such as an emulator's. */
  baseUrl: z.url().optional(),
});

export type StripeConnection = z.infer<typeof stripeConnectionSchema>;

/** Reads the connection; `forceFetch` goes past the cache, after the key was refused. */
export type Connect = (options: { forceFetch: boolean }) => Promise<StripeConnection>;
