// A dry run: the account and the steps of a request.
import { LaunchError, UsageError } from '../../errors.ts';
import { reading } from '../../values/keys.ts';
import { native } from '../../native.ts';
import { accountQuery, toAccount, type Account, hostQuery } from '../host/account.ts';
import { findProblem } from './preflight.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import { callerInPlace } from '../host/caller.ts';
import { planCgroup } from '../host/cgroup.ts';
import { settle, verify } from '../host/judged-jail.ts';
import { withId } from '../host/own-id.ts';
import { wantedFilter } from '../host/wanted-filter.ts';
import { toLaunch, type Launch } from '../plan/launch.ts';
import { lookAtHost } from '../host/spawn-error.ts';
import { judgeBinds, judgedPaths } from '../host/binds.ts';
import { waysBeside } from '../host/ways-beside.ts';
import { normalize, ownIds, type LaunchRequest, type NormalRequest } from '../request/request.ts';
import type { Step } from '../plan/step.ts';
import { rehearse } from './rehearse.ts';

/** What a request would do on this host. */
export interface PlannedLaunch {
  readonly account: Account;
  readonly steps: readonly Step[];
  /** Warnings about the path to the jail, and about binds that `insecurePath` accepts. */
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
  return toAccount(normal, await lookAtHost(accountQuery(normal)));
}

// The launch as this process would make it now.
async function withLaunch<T>(
  given: NormalRequest,
  look: (launch: Launch, warnings: readonly DirectoryFinding[]) => T,
): Promise<T> {
  // a plan takes no id, and the first one stands for it
  const normal = given.user.isAuto === true ? withId(given, ownIds.first) : given;
  const jail = verify(normal, await lookAtHost(hostQuery(normal)), false);
  try {
    const { account } = jail;
    const cgroup = await planCgroup(normal);
    const settled = settle(normal, jail);
    const ways = await waysBeside(judgedPaths(settled, account));
    const warnings = [...jail.warnings];
    const request = judgeBinds(settled, account, (warning) => warnings.push(warning), ways);
    const caller = { ...callerInPlace(), cgroup };
    return look(toLaunch(request, jail, caller, wantedFilter(request, account, caller)), warnings);
  } finally {
    native.closeDescriptor(jail.fd);
  }
}

/**
 * Plans a launch in place and starts nothing. Needs no privilege but to read the jail.
 *
 * @throws UsageError, and LaunchError for the account, the jail's directory, the sources of binds, and limits that the host cannot set
 */
export async function planLaunch(request: LaunchRequest): Promise<PlannedLaunch> {
  const normal = normalize(request);
  // The caller may change the steps. Other launches share the default cwd, so it is copied.
  const own = { ...normal, cwd: Buffer.from(normal.cwd), caps: [...normal.caps] };
  return withLaunch(own, (launch, warnings) => ({
    account: launch.account,
    steps: launch.steps,
    warnings,
    problem: findProblem(launch),
  }));
}

/**
 * Why a launch would fail now, as `uchroot --plan` finds it; undefined if it would not. For root the steps before the program are tried
 * in a child.
 *
 * @throws UsageError
 */
export async function findLaunchProblem(request: LaunchRequest): Promise<LaunchError | undefined> {
  const normal = normalize(request);
  try {
    return await withLaunch(normal, (launch) => rehearse(launch) ?? findProblem(launch));
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
}
