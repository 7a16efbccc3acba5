// A dry run: the account and the steps of a request.
import { UsageError, type LaunchError } from '../../errors.ts';
import { reading } from '../../keys.ts';
import { native } from '../../native.ts';
import { accountQuery, toAccount, type Account, hostQuery } from '../host/account.ts';
import { findProblem } from './preflight.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import { callerInPlace } from '../host/caller.ts';
import { planCgroup } from '../host/cgroup.ts';
import { prepare, verify } from '../host/prepare.ts';
import { normalize, type LaunchRequest } from '../request/request.ts';
import type { Step } from '../plan/step.ts';

/** What a request would do on this host. */
export interface PlannedLaunch {
  readonly account: Account;
  readonly steps: readonly Step[];
  /** Warnings about the path to the jail. */
  readonly warnings: readonly DirectoryFinding[];
  /** What would fail according to the jail's files: program, interpreters, shared libraries, working directory. */
  readonly problem: LaunchError | undefined;
}

/**
 * The account on the host for a user, with group and groups if given. Needs no privilege.
 *
 * @throws UsageError, LaunchError ERR_UNKNOWN_USER or ERR_UNKNOWN_GROUP
 */
export async function resolveAccount(
  request: Pick<LaunchRequest, 'user' | 'group' | 'groups' | 'clearGroups'>,
): Promise<Account> {
  if (typeof request !== 'object' || request === null)
    throw new UsageError('the request must be an object', { hint: "write {user: 'sam'}" });
  const normal = normalize(reading(() => ({ ...request, jail: '/' })));
  return toAccount(normal, await native.readHost(accountQuery(normal)));
}

/**
 * Plans a launch in place and starts nothing. Needs no privilege but to read the jail.
 *
 * @throws UsageError, and LaunchError for the account, the jail's directory, and limits that the host cannot set
 */
export async function planLaunch(request: LaunchRequest): Promise<PlannedLaunch> {
  const normal = normalize(request);
  const jail = verify(normal, await native.readHost(hostQuery(normal)), false);
  try {
    // The caller may change the steps. Other launches share the default cwd, so it is copied.
    const own = { ...normal, cwd: Buffer.from(normal.cwd), caps: [...normal.caps] };
    const launch = prepare(own, jail, { ...callerInPlace(normal), cgroup: await planCgroup(normal) });
    return {
      account: jail.account,
      steps: launch.steps,
      warnings: jail.warnings,
      problem: findProblem(launch),
    };
  } finally {
    native.closeJail(jail.fd);
  }
}
