// The part of a plan that does not depend on the program, for a request, an account and a caller.
import { buildSetUp } from '../plan/plan.ts';
import { isolateFilter } from '../plan/isolation.ts';
import type { Plan } from '../plan/step.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Filter } from '../seccomp/filter.ts';
import type { Account } from './account.ts';
import { isWaitedFor, type Caller } from './caller.ts';
import { launchFilter } from './launch-filter.ts';
import { startedLine } from './status-line.ts';

/** The filter that a request asks for; undefined for the small one. The compiler of filters is used only where it is needed. */
export function filterOf(request: NormalRequest, account: Account, caller: Caller): Filter | undefined {
  const { isolate, allow, seccomp } = request;
  const architecture = caller.compiledFor ?? process.arch;
  const { refused } = caller;
  if (allow.length > 0 || seccomp?.file !== undefined || seccomp?.isLog === true || refused !== undefined)
    return launchFilter(request, account, architecture, refused);
  return isolate || seccomp !== undefined ? isolateFilter(architecture) : undefined;
}

/** The plan without its last step, for a caller. */
export function toSetUp(
  request: NormalRequest,
  account: Account,
  caller: Caller,
  keptFds: readonly number[],
  filter: Filter | undefined,
): Plan {
  const status = caller.inPlace ? request.statusFd : undefined;
  const isWatched = isWaitedFor(request, caller);
  return buildSetUp({
    request,
    account,
    keptFds,
    isCompiled: caller.compiledFor !== undefined,
    ignoresPipe: caller.ignoresPipe,
    newGroup: caller.newGroup,
    cgroup: caller.cgroup,
    joined: caller.joined,
    parentPid: isWatched ? caller.pid : request.dieWithParent ? caller.parentPid : 0,
    isWaitedFor: isWatched,
    architecture: caller.compiledFor ?? process.arch,
    filter,
    status: status === undefined ? undefined : { fd: status, line: startedLine(caller) },
  });
}
