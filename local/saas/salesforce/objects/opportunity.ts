import { field, objectType, standardFields } from "../fields.ts";
import { account, leadSource, owner } from "./common.ts";

export const opportunityType = objectType("Opportunity", "Opportunities", "006", [
  ...standardFields(),
  account,
  field("Name", "Name", "string", { length: 120, required: true }),
  field("StageName", "Stage", "picklist", { length: 255, required: true }),
  field("CloseDate", "Close Date", "date", { required: true }),
  field("Amount", "Amount", "currency"),
  field("Probability", "Probability (%)", "double"),
  field("Type", "Opportunity Type", "picklist", { length: 255 }),
  field("NextStep", "Next Step", "string", { length: 255 }),
  field("Description", "Description", "textarea", { length: 32000 }),
  leadSource,
  owner,
]);
