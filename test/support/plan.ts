// Whole plans for tests.
import { withProgram } from '../../lib/launch/plan/launch.ts';
import { buildSetUp, type SetUpInput } from '../../lib/launch/plan/plan.ts';
import type { ExecveStep, Plan } from '../../lib/launch/plan/step.ts';

/** What a plan is made of. */
export type PlanInput = SetUpInput & Omit<ExecveStep, 'op'>;

/** The plan of a launch, with its last step. */
export function buildPlan(input: PlanInput): Plan {
  const { program, argv, env } = input;
  return withProgram(buildSetUp(input), { op: 'execve', program, argv, env });
}
