// Makes a launch that is ready to run, from a request and the host's answers.
import { bytePath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import { native } from '../../native.ts';
import type { HostFacts, HostSight } from '../../native.ts';
import { encodeAgain } from '../plan/encode.ts';
import { withProgram } from '../plan/plan.ts';
import type { ExecveStep, Plan, Step } from '../plan/step.ts';
import type { Filter } from '../seccomp/filter.ts';
import { setUpKeys, type NormalRequest } from '../request/request.ts';
import { viewOfJail, type HostGlance, type JailView } from '../tell/jail-view.ts';
import { toAccount, type Account } from './account.ts';
import { keptFdsOf, pidOfProgram, type Caller } from './caller.ts';
import {
  acceptDirectory,
  jailFor,
  judgeDirectory,
  refuseLink,
  unreachable,
  type DirectoryFinding,
} from './directory.ts';
import { buildEnvironment, type Variable } from './environment.ts';
import { glance } from './host-glance.ts';
import { isAlike } from './is-alike.ts';
import { requirePrivilege } from './privilege.ts';
import { hostAccount, isOwn, rootlessAccount } from './rootless.ts';
import { filterOf, toSetUp } from './set-up.ts';

/**
 * A jail directory that was verified for an account. It caches the parts that launches beside this process share. With the cache, a plan
 * and its bytes take 3 µs of the event loop; without it, 70 µs.
 */
export class VerifiedJail {
  /** An open descriptor; or a record of what was seen of the host, to be compared with the host at each launch. */
  readonly directory: number | HostSight;
  readonly account: Account;
  /** Warnings about the path to the jail. */
  readonly warnings: readonly DirectoryFinding[];
  /** A launch without root, and the jail belongs to another user: the program can only read it. */
  readonly isShared: boolean;
  #setUp:
    | {
        readonly request: NormalRequest;
        readonly caller: SetUpCaller;
        readonly filter: Filter | undefined;
        readonly plan: Plan;
      }
    | undefined;
  #environment:
    | {
        readonly request: NormalRequest;
        readonly variables: readonly Variable[];
        readonly sockets: Caller['sockets'];
        readonly env: readonly Buffer[];
      }
    | undefined;
  /** The last launch beside this process. */
  lastLaunch: PreparedLaunch | undefined;

  constructor(
    directory: number | HostSight,
    account: Account,
    warnings: readonly DirectoryFinding[] = [],
    isShared = false,
  ) {
    this.directory = directory;
    this.account = account;
    this.warnings = warnings;
    this.isShared = isShared;
  }

  /** The open descriptor; -1 without one. */
  get fd(): number {
    return typeof this.directory === 'number' ? this.directory : -1;
  }

  /** The plan without its last step: the same array as last time if request and caller ask for the same. */
  setUp(request: NormalRequest, caller: Caller): Plan {
    const last = this.#setUp;
    const { newGroup, joined, sockets } = caller;
    const filter = filterOf(request, this.account, caller);
    const isSame =
      last?.caller.newGroup === newGroup &&
      last.caller.joined === joined &&
      last.caller.sockets === sockets &&
      last.filter === filter;
    if (
      isSame &&
      (last.request === request || setUpKeys().every((key) => isAlike(last.request[key], request[key])))
    )
      return last.plan;
    const plan = toSetUp(request, this.account, caller, keptFdsOf(request, caller), filter);
    this.#setUp = { request, caller: { newGroup, joined, sockets }, filter, plan };
    return plan;
  }

  /** The program's environment: the same array as last time if the request or the caller changes none of it. */
  environment(request: NormalRequest, caller: Caller): readonly Buffer[] {
    const last = this.#environment;
    const { environment: variables, sockets } = caller;
    // the array of variables is another one if the request asks for the caller's, or if one of them has changed
    if (
      last?.variables === variables &&
      last.sockets === sockets &&
      (last.request === request || !(hasEnv(request) || hasEnv(last.request)))
    )
      return last.env;
    const programPid = sockets.length === 0 ? undefined : pidOfProgram(request, caller);
    const env = buildEnvironment({ request, account: this.account, caller, programPid });
    this.#environment = { request, variables, sockets, env };
    return env;
  }
}

const hasEnv = ({ env }: NormalRequest): boolean => env.length > 0;

// What a set-up depends on besides the request and the account.
type SetUpCaller = Pick<Caller, 'newGroup' | 'joined' | 'sockets'>;

/**
 * Judges the host's answers. The first problem is thrown, in the order of the C original: user, privilege, directory.
 *
 * @throws LaunchError
 */
export function judge(request: NormalRequest, facts: HostFacts, privileged = true): VerifiedJail {
  const account = request.rootless ? rootlessAccount(request, facts) : toAccount(request, facts);
  if (!request.rootless) requirePrivilege(request, account, privileged);
  if (facts.jailFd < 0) throw unreachable(facts, request);
  // root's launches can have jails in directories of users, of which the findings tell
  if (request.rootless && !request.insecurePath) refuseLink({ ...facts, endsInEntry: true });
  const warnings = acceptDirectory(judgeDirectory(facts, account, jailFor(request)), request.insecurePath);
  const { outside } = account;
  const isShared = outside !== undefined && !isOwn(outside, facts.components.at(-1)?.uid);
  return new VerifiedJail(facts.jailFd, account, warnings, isShared);
}

/** As `judge`, but closes the jail's descriptor if it throws. Otherwise the receiver closes it. */
export function verify(request: NormalRequest, facts: HostFacts, privileged = true): VerifiedJail {
  try {
    return judge(request, facts, privileged);
  } catch (error) {
    if (facts.jailFd >= 0) native.closeJail(facts.jailFd);
    throw error;
  }
}

/** A launch, for code that prints it or explains a problem. */
export interface Launch {
  readonly request: NormalRequest;
  readonly account: Account;
  readonly stages: Plan;
  /** The steps of all stages. */
  readonly steps: readonly Step[];
  readonly view: JailView;
}

/** A launch that is ready. Its stages, steps and view are getters: a launch beside this process that succeeds needs none. */
export class PreparedLaunch implements Launch {
  readonly request: NormalRequest;
  readonly account: Account;
  /** -1 if the jail is not open. */
  readonly jailFd: number;
  readonly #jail: VerifiedJail;
  readonly #architecture: string;
  #bytes: Buffer | undefined;
  readonly #host: HostGlance | undefined;
  /** The program's descriptors besides 0 to 2. */
  readonly keptFds: readonly number[];
  /** The plan without its last step; the same array for launches beside this process with the same set-up. */
  readonly setUp: Plan;
  readonly execve: ExecveStep;

  constructor(
    request: NormalRequest,
    jail: VerifiedJail,
    architecture: string,
    keptFds: readonly number[],
    setUp: Plan,
    execve: ExecveStep,
    host?: HostGlance,
  ) {
    this.request = request;
    this.account = jail.account;
    this.jailFd = jail.fd;
    this.#jail = jail;
    this.#architecture = architecture;
    this.keptFds = keptFds;
    this.setUp = setUp;
    this.execve = execve;
    this.#host = host;
  }

  /** The same launch by another plan. */
  withSetUp(setUp: Plan): PreparedLaunch {
    const { request, keptFds, execve } = this;
    return new PreparedLaunch(request, this.#jail, this.#architecture, keptFds, setUp, execve, this.#host);
  }

  get stages(): Plan {
    return withProgram(this.setUp, this.execve);
  }

  /** Called when the same launch is used again: from now on its bytes are kept. */
  again(): this {
    this.#bytes ??= Buffer.from(encodeAgain(this.setUp, this.execve));
    return this;
  }

  /** The plan as bytes, which are valid until the next launch. */
  get bytes(): Buffer {
    return this.#bytes ?? encodeAgain(this.setUp, this.execve);
  }

  get steps(): readonly Step[] {
    return this.stages.flat();
  }

  get view(): JailView {
    return this.viewOf(this.jailFd);
  }

  viewOf(jailFd: number): JailView {
    const view = toView(this.request, this.account, jailFd, this.#architecture);
    return {
      ...view,
      isUnsafe: this.#jail.warnings.length > 0,
      host: this.#host ?? glance(this.execve.program, jailFd < 0 ? undefined : view),
    };
  }
}

function toView(request: NormalRequest, account: Account, jailFd: number, architecture: string): JailView {
  return { ...viewOfJail(request, jailFd), account: hostAccount(account), architecture };
}

// The user's shell as the host knows it, if the jail has it; else /bin/sh. Interactive, as in chroot(8).
function defaultProgram(view: JailView): { readonly program: Buffer; readonly args: readonly Buffer[] } {
  const shell = view.account.shell;
  const usable = shell.startsWith('/') && walk(view.root, bytePath(shell)).kind === 'found';
  return { program: Buffer.from(usable ? shell : '/bin/sh'), args: [Buffer.from('-i')] };
}

/** Plans a launch into a verified jail. */
export function prepare(asked: NormalRequest, jail: VerifiedJail, caller: Caller): PreparedLaunch {
  const request =
    jail.isShared && asked.ephemeral === undefined && !asked.readOnly ? { ...asked, readOnly: true } : asked;
  const { account, fd: jailFd, lastLaunch: last } = jail;
  const architecture = caller.compiledFor ?? process.arch;
  const { program, args } =
    request.program === undefined
      ? defaultProgram(toView(request, account, jailFd, architecture))
      : { program: request.program, args: request.args };
  const keptFds = keptFdsOf(request, caller);
  const setUp = caller.inPlace
    ? toSetUp(request, account, caller, keptFds, filterOf(request, account, caller))
    : jail.setUp(request, caller);
  const env = caller.inPlace
    ? buildEnvironment({ request, account, caller, programPid: pidOfProgram(request, caller) })
    : jail.environment(request, caller);
  // without a program, the jail must be searched for a shell each time
  if (
    last?.request === request &&
    last.setUp === setUp &&
    last.execve.env === env &&
    request.program !== undefined
  )
    return last.again();
  const execve: ExecveStep = { op: 'execve', program, argv: [request.argv0 ?? program, ...args], env };
  // A launch in place cannot look at the host any more when it fails.
  const host = caller.inPlace ? glance(program, viewOfJail(request, jailFd)) : undefined;
  const launch = new PreparedLaunch(request, jail, architecture, keptFds, setUp, execve, host);
  if (!caller.inPlace) jail.lastLaunch = launch;
  return launch;
}
