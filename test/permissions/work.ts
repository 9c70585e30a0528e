import type { Grant } from "./grants.ts";
import { type Step, startLab, workStep } from "./lab.ts";
import type { Proven } from "./proofs.ts";
import { STEPS } from "./steps.ts";

/** Works the steps that show of some grants that they are needed, in a fleet of their own. @returns those that were missed */
export async function workSteps(proven: readonly Proven[], say: (line: string) => void): Promise<Set<Grant>> {
  const missed = new Set<Grant>();
  const wanted = STEPS.filter((step) => grantsOfStep(proven, step).length > 0);
  if (wanted.length === 0) return missed;
  let lab = await startLab();
  try {
    for (const [index, step] of wanted.entries()) {
      const began = performance.now();
      if (step.fresh && index > 0) {
        await lab.stop();
        lab = await startLab();
      }
      const results = await workStep(lab, step, grantsOfStep(proven, step));
      const met = results.filter(({ hits }) => hits > 0).map(({ grant }) => grant);
      for (const grant of met) missed.add(grant);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      say(`${step.when}: ${met.length} of ${results.length} missed (${seconds} s)`);
    }
  } finally {
    await lab.stop();
  }
  return missed;
}

const grantsOfStep = (proven: readonly Proven[], step: Step) =>
  proven.flatMap(({ grant, proof }) => (proof?.by === "step" && proof.step === step ? [grant] : []));
