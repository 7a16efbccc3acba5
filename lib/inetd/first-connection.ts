// Finds problems that the first connection of a service would have. They are reported when the service is configured, not hours later.
import { UsageError } from '../errors.ts';
import { planLaunch } from '../launch/tell/dry-run.ts';
import { quote } from '../words/quote.ts';
import type { Services } from './inetd.ts';

/**
 * Plans a launch of each service: the program, its libraries, its filter of system calls. A service with a problem can still be
 * served, since its jail may be completed while it runs.
 *
 * @throws UsageError for a mistake that no change of the jail can mend
 */
export async function foreseeProblems(
  services: Services,
): Promise<readonly (readonly [name: string, problem: unknown])[]> {
  const found: (readonly [name: string, problem: unknown])[] = [];
  for (const [name, { launch }] of services) {
    try {
      const { problem } = await planLaunch(launch);
      if (problem !== undefined) found.push([name, problem]);
    } catch (error) {
      if (error instanceof UsageError)
        throw new UsageError(`${quote(name)}: ${error.message}`, { hint: error.hint });
      found.push([name, error]);
    }
  }
  return found;
}
