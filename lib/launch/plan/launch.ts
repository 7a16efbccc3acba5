// A launch that is planned: the request, the account and the steps. Pure.
import type { Account } from '../host/account.ts';
import { processOf, type Caller, type ProgramProcess } from '../host/caller.ts';
import { buildEnvironment } from '../host/environment.ts';
import type { JudgedJail, Settled } from '../host/judged-jail.ts';
import { startedLine } from '../host/status-line.ts';
import type { Filter } from '../seccomp/filter.ts';
import { encodePlan, type Beginning } from './encode.ts';
import { buildSetUp } from './plan.ts';
import type { ExecveStep, Plan, Step } from './step.ts';

/** The plan with its last step. */
export function withProgram(setUp: Plan, execve: ExecveStep): Plan {
  return [...setUp.slice(0, -1), [...(setUp.at(-1) ?? []), execve]];
}

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
  { keptFds, isWaitedFor }: ProgramProcess,
  filter: Filter | undefined,
): Plan {
  const status = caller.inPlace ? request.statusFd : undefined;
  return buildSetUp({
    request,
    account,
    keptFds,
    isCompiled: caller.compiledFor !== undefined,
    ignoresPipe: caller.ignoresPipe,
    newGroup: caller.newGroup,
    cgroup: caller.cgroup,
    joined: caller.joined,
    parentPid: isWaitedFor ? caller.pid : request.dieWithParent ? caller.parentPid : 0,
    isWaitedFor,
    architecture: caller.compiledFor ?? process.arch,
    filter,
    status: status === undefined ? undefined : { fd: status, line: startedLine(caller) },
  });
}

/** Plans a launch into a judged jail. @param filter undefined for the small one */
export function toLaunch(
  request: Settled,
  jail: JudgedJail,
  caller: Caller,
  filter: Filter | undefined,
): Launch {
  const { account } = jail;
  const program = processOf(request, caller);
  const env = buildEnvironment({ request, account, caller, programPid: program.pid });
  const setUp = toSetUp(request, account, caller, program, filter);
  return new Launch(request, jail, caller, program.keptFds, setUp, env);
}
