import { z } from "zod";
import { customerChanged, customerDeleted } from "../events.ts";
import { eventInputOf } from "../task.ts";

/** Input of a task of customer-sync: the change as its event has it. */
export const changeInput = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);
