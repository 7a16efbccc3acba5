// A launch that is planned: the request, the account and the steps. Pure.
import type { Account } from '../host/account.ts';
import { isWaitedFor, keptFdsOf, pidOfProgram, type Caller } from '../host/caller.ts';
import { buildEnvironment } from '../host/environment.ts';
import type { JudgedJail, Settled } from '../host/judged-jail.ts';
import { startedLine } from '../host/status-line.ts';
import type { Filter } from '../seccomp/filter.ts';
import { Beginning, encodePlan } from './encode.ts';
import { buildSetUp, withProgram } from './plan.ts';
import type { ExecveStep, Plan, Step } from './step.ts';

/** A launch that is ready. Its stages, steps and bytes are made when they are asked for. */
export class Launch {
  readonly request: Settled;
  readonly jail: JudgedJail;
  readonly account: Account;
  /** A value of process.arch. */
  readonly architecture: string;
  /** The program's descriptors besides 0 to 2. */
  readonly keptFds: readonly number[];
  /** The plan without its last step. */
  readonly setUp: Plan;
  readonly execve: ExecveStep;
  readonly #beginning: Beginning | undefined;

  constructor(
    request: Settled,
    jail: JudgedJail,
    caller: Pick<Caller, 'compiledFor'>,
    keptFds: readonly number[],
    setUp: Plan,
    env: readonly Buffer[],
    beginning?: Beginning,
  ) {
    const { program, argv0 = program, args } = request;
    this.request = request;
    this.jail = jail;
    this.account = jail.account;
    this.architecture = caller.compiledFor ?? process.arch;
    this.keptFds = keptFds;
    this.setUp = setUp;
    this.#beginning = beginning;
    this.execve = { op: 'execve', program, argv: [argv0, ...args], env };
  }

  get stages(): Plan {
    return withProgram(this.setUp, this.execve);
  }

  /** The steps of all stages. */
  get steps(): readonly Step[] {
    return this.stages.flat();
  }

  /** The plan for the addon. The bytes of a plan that shares its beginning are valid until the next one is asked for. */
  get bytes(): Buffer {
    return this.#beginning?.with(this.execve) ?? encodePlan(this.stages);
  }
}

/** The part of a plan that does not depend on the program. @param filter undefined for the small one */
export function toSetUp(
  request: Settled,
  account: Account,
  caller: Caller,
  filter: Filter | undefined,
): Plan {
  const status = caller.inPlace ? request.statusFd : undefined;
  const isWatched = isWaitedFor(request, caller);
  return buildSetUp({
    request,
    account,
    keptFds: keptFdsOf(request, caller),
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

/** The variables of the program. */
export function toEnvironment(request: Settled, account: Account, caller: Caller): readonly Buffer[] {
  return buildEnvironment({ request, account, caller, programPid: pidOfProgram(request, caller) });
}

/** Plans a launch into a judged jail. @param filter undefined for the small one */
export function toLaunch(
  request: Settled,
  jail: JudgedJail,
  caller: Caller,
  filter: Filter | undefined,
): Launch {
  const { account } = jail;
  const setUp = toSetUp(request, account, caller, filter);
  const env = toEnvironment(request, account, caller);
  return new Launch(request, jail, caller, keptFdsOf(request, caller), setUp, env);
}
