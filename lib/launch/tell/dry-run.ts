// Looking without launching: who a request would run as, and what it would do.
import type { LaunchError } from '../../errors.ts';
import { reading } from '../../keys.ts';
import { native } from '../../native.ts';
import { accountQuery, toAccount, type Account } from '../host/account.ts';
import { findProblem } from './preflight.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import { callerInPlace } from '../start/exec.ts';
import { hostQuery, prepare, verify } from '../host/prepare.ts';
import { normalize, type LaunchRequest } from '../request/request.ts';
import type { Step } from '../plan/step.ts';

/** What a request would do. */
export interface PlannedLaunch {
  readonly account: Account;
  readonly steps: readonly Step[];
  /** What is unwise about the way to the jail. */
  readonly warnings: readonly DirectoryFinding[];
  /** What would fail, as far as the jail's files tell: program, interpreters, shared libraries, working directory. */
  readonly problem: LaunchError | undefined;
}

/**
 * The account that a user, and group and groups if given, resolves to on the host. Needs no privilege.
 *
 * @throws UsageError, LaunchError ERR_UNKNOWN_USER or ERR_UNKNOWN_GROUP
 */
export async function resolveAccount(
  request: Pick<LaunchRequest, 'user' | 'group' | 'groups' | 'clearGroups'>,
): Promise<Account> {
  const normal = normalize(reading(() => ({ ...request, jail: '/' })));
  return toAccount(normal, await native.readHost(accountQuery(normal)));
}

/**
 * Plans a launch in place and starts nothing. Needs no privilege beyond reading the jail.
 *
 * @throws UsageError, and LaunchError for the account and the jail's directory
 */
export async function planLaunch(request: LaunchRequest): Promise<PlannedLaunch> {
  const normal = normalize(request);
  const jail = verify(normal, await native.readHost(hostQuery(normal)), false);
  try {
    // What the steps hold is the caller's to change, and this is the default of every launch.
    const own = { ...normal, cwd: Buffer.from(normal.cwd) };
    const launch = prepare(own, jail, callerInPlace(normal));
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
