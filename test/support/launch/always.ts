// Rules that hold for the plan of every request.
import * as fc from 'fast-check';
import type { Test } from 'tap';

import type { Step, StepName } from '../../../lib/launch/plan/step.ts';
import { buildPlan, type PlanInput } from '../plan.ts';
import { planInputs } from './arbitrary.ts';

/** Tries the rule on the steps of many plans. */
export function always(t: Test, rule: (steps: readonly Step[], input: PlanInput) => boolean): void {
  t.doesNotThrow(() => fc.assert(fc.property(planInputs, (input) => rule(buildPlan(input).flat(), input))));
}

/** Where steps of these names are in a plan. */
export function places(steps: readonly Step[], names: readonly StepName[]): readonly number[] {
  return steps.flatMap((step, place) => (names.includes(step.op) ? [place] : []));
}
