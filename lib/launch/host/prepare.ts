// From a request and what the host answered to a launch that is ready to run.
import { bytePath } from '../../binary/path.ts';
import { openFileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { LaunchError } from '../../errors.ts';
import { native, type HostFacts, type HostQuery } from '../../native.ts';
import { quote } from '../../quote.ts';
import { accountQuery, refuseRoot, toAccount, type Account } from './account.ts';
import type { JailView } from '../tell/diagnose.ts';
import { acceptDirectory, judgeDirectory, unreachable, type DirectoryFinding } from './directory.ts';
import { buildEnvironment, listenFds, type Variable } from './environment.ts';
import { requireMappings } from './namespace.ts';
import { buildSetUp, setUpKeys, withProgram, type SetUpInput } from '../plan/plan.ts';
import { essentialSteps } from '../plan/table.ts';
import type { NormalRequest } from '../request/request.ts';
import type { ExecveStep, Plan, Step } from '../plan/step.ts';

/** Who is to be jailed, and what is unwise about the way to the jail. */
export interface Verdict {
  readonly account: Account;
  readonly warnings: readonly DirectoryFinding[];
}

/** A verified jail directory, and who is to be jailed in it. The receiver closes `fd`. */
export interface VerifiedJail extends Verdict {
  readonly fd: number;
}

/** A launch, for whoever shows it or says what is wrong with it. */
export interface Launch {
  readonly request: NormalRequest;
  readonly account: Account;
  readonly stages: Plan;
  /** Those of all stages. */
  readonly steps: readonly Step[];
  readonly view: JailView;
}

/**
 * A launch that is ready. All its steps and the view of the jail are only made when somebody asks for them: where a
 * service launches and nothing goes wrong, nobody does.
 */
export class PreparedLaunch implements Launch {
  readonly request: NormalRequest;
  readonly account: Account;
  readonly jailFd: number;
  readonly architecture: string;
  /** The process's descriptors that the program keeps, besides 0 to 2. */
  readonly keptFds: readonly number[];
  /** The plan without its last step; the same array for launches beside this process that are set up alike. */
  readonly setUp: Plan;
  readonly execve: ExecveStep;

  constructor(
    request: NormalRequest,
    jail: Pick<VerifiedJail, 'fd' | 'account'>,
    architecture: string,
    keptFds: readonly number[],
    setUp: Plan,
    execve: ExecveStep,
  ) {
    this.request = request;
    this.account = jail.account;
    this.jailFd = jail.fd;
    this.architecture = architecture;
    this.keptFds = keptFds;
    this.setUp = setUp;
    this.execve = execve;
  }

  get stages(): Plan {
    return withProgram(this.setUp, this.execve);
  }

  get steps(): readonly Step[] {
    return this.stages.flat();
  }

  get view(): JailView {
    return toView(this.request, this.account, this.jailFd, this.architecture);
  }
}

function toView(request: NormalRequest, account: Account, jailFd: number, architecture: string): JailView {
  return { root: openFileRoot(jailFd), account, jail: quote(request.jail), cwd: request.cwd, architecture };
}

/** The process that launches: what a plan needs to know of it. */
export interface Caller {
  readonly inPlace: boolean;
  /** It is a compiled launcher for this architecture, of which nothing else is known yet. */
  readonly compiledFor?: string;
  readonly environment: readonly Variable[];
  readonly pid: number;
  readonly parentPid: number;
  /** The program gets a process group of its own. */
  readonly newGroup?: boolean;
}

/** All that has to be asked of the host for a request. */
export function hostQuery(request: NormalRequest): HostQuery {
  return { ...accountQuery(request), jail: request.jail };
}

/** Throws LaunchError, with status 3, unless this process is root. */
export function requireRoot(): void {
  const [uid, euid] = [process.getuid?.(), process.geteuid?.()];
  // Both: set-user-ID root would run Node with an ordinary user's environment.
  if (uid === 0 && euid === 0) return;
  throw new LaunchError(`uchroot must be run as root.  Current uid=${uid}, euid=${euid}`, {
    step: 'root',
    code: 'ERR_NOT_ROOT',
    hint: 'start it with sudo, or from a unit without User=',
    exitStatus: 3,
  });
}

// Enough for every request, so that nearly every launch asks no more.
const allEssential = essentialSteps(true).reduce(
  (mask, { capability }) => mask | (1n << BigInt(capability)),
  0n,
);

/** Throws LaunchError if root here lacks a capability without which no launch can succeed. */
export function requireCapabilities({ allowNewPrivs }: Pick<NormalRequest, 'allowNewPrivs'>): void {
  const effective = native.effectiveCapabilities();
  if ((effective & allEssential) === allEssential) return;
  const lacking = essentialSteps(allowNewPrivs).filter(
    ({ capability }) => !((effective >> BigInt(capability)) & 1n),
  );
  const [first] = lacking;
  if (first === undefined) return;
  const names = lacking.map(({ needs }) => needs).join(' and ');
  throw new LaunchError(`${first.step}: root lacks ${names} here`, {
    step: first.step,
    code: 'EPERM',
    errno: 1,
    hint: `give ${names} to the container (--cap-add) or unit (CapabilityBoundingSet=) that runs uchroot`,
  });
}

function judge(request: NormalRequest, facts: HostFacts, privileged: boolean): Verdict {
  const account = toAccount(request, facts);
  if (privileged) requireRoot();
  if (!request.allowRoot) refuseRoot(account, request.user);
  if (privileged) {
    requireCapabilities(request);
    requireMappings(account);
  }
  if (facts.jailFd < 0) throw unreachable(facts);
  return { account, warnings: acceptDirectory(judgeDirectory(facts, account), request.insecurePath) };
}

/**
 * Account and jail out of the facts. The first thing that is wrong is told, in the order of the C original: the
 * user, then the privilege, then the directory. Closes the jail's descriptor when it throws.
 */
export function verify(request: NormalRequest, facts: HostFacts, privileged = true): VerifiedJail {
  try {
    return { fd: facts.jailFd, ...judge(request, facts, privileged) };
  } catch (error) {
    if (facts.jailFd >= 0) native.closeJail(facts.jailFd);
    throw error;
  }
}

// The user's shell as the host knows it, if the jail has it; else /bin/sh, and interactive, as chroot(8) does it.
function defaultProgram(view: JailView): { readonly program: Buffer; readonly args: readonly Buffer[] } {
  const shell = view.account.shell;
  const usable = shell.startsWith('/') && walk(view.root, bytePath(shell)).kind === 'found';
  return { program: Buffer.from(usable ? shell : '/bin/sh'), args: [Buffer.from('-i')] };
}

/** Plans a launch into a verified jail. */
export function prepare(
  request: NormalRequest,
  jail: Pick<VerifiedJail, 'fd' | 'account'>,
  caller: Caller,
): PreparedLaunch {
  const { account } = jail;
  const architecture = caller.compiledFor ?? process.arch;
  const { program, args } =
    request.program === undefined
      ? defaultProgram(toView(request, account, jail.fd, architecture))
      : { program: request.program, args: request.args };
  const activated = caller.inPlace ? listenFds(caller.environment, caller.pid) : 0;
  const keptFds =
    activated === 0
      ? request.preserveFds
      : [...new Set([...Array.from({ length: activated }, (_, i) => 3 + i), ...request.preserveFds])];
  const setUp = caller.inPlace
    ? toSetUp(request, account, caller, keptFds)
    : recallSetUp(request, account, caller);
  const env = caller.inPlace
    ? toEnvironment(request, account, caller)
    : recallEnvironment(request, account, caller);
  const execve: ExecveStep = { op: 'execve', program, argv: [request.argv0 ?? program, ...args], env };
  return new PreparedLaunch(request, jail, architecture, keptFds, setUp, execve);
}

type SetUpRequest = SetUpInput['request'];

function toSetUp(
  request: SetUpRequest & Pick<NormalRequest, 'statusFd'>,
  account: Account,
  caller: Caller,
  keptFds: readonly number[],
): Plan {
  const status = caller.inPlace ? request.statusFd : undefined;
  return buildSetUp({
    request,
    account,
    keptFds,
    isCompiled: caller.compiledFor !== undefined,
    newGroup: caller.newGroup === true,
    parentPid: request.dieWithParent ? caller.parentPid : 0,
    architecture: caller.compiledFor ?? process.arch,
    status: status === undefined ? undefined : { fd: status, line: startedLine(caller) },
  });
}

function toEnvironment(request: NormalRequest, account: Account, caller: Caller): readonly Buffer[] {
  const { environment, inPlace, pid } = caller;
  return buildEnvironment({ request, account, caller: environment, inPlace, pid });
}

// A service launches alike: how the last program of an account was set up beside it.
const setUps = new WeakMap<
  Account,
  { readonly request: SetUpRequest; readonly newGroup: boolean | undefined; readonly setUp: Plan }
>();

function recallSetUp(request: NormalRequest, account: Account, caller: Caller): Plan {
  const known = setUps.get(account);
  const { newGroup } = caller;
  if (
    known?.newGroup === newGroup &&
    known !== undefined &&
    setUpKeys.every((key) => isAlike(known.request[key], request[key]))
  )
    return known.setUp;
  const setUp = toSetUp(request, account, caller, request.preserveFds);
  setUps.set(account, { request, newGroup, setUp });
  return setUp;
}

// And the environment that it gets when the request has nothing to say about it.
const environments = new WeakMap<
  Account,
  { readonly environment: readonly Variable[]; readonly env: readonly Buffer[] }
>();

function recallEnvironment(request: NormalRequest, account: Account, caller: Caller): readonly Buffer[] {
  const { environment } = caller;
  if (request.keepEnv || request.passEnv.length > 0 || request.env.length > 0)
    return toEnvironment(request, account, caller);
  const known = environments.get(account);
  if (known?.environment === environment) return known.env;
  const env = toEnvironment(request, account, caller);
  environments.set(account, { environment, env });
  return env;
}

function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Array.isArray(a) && Array.isArray(b) && a.length === 0 && b.length === 0;
}

/** One line for --status-fd. */
export function statusLine(event: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`${JSON.stringify(event)}\n`);
}

// A compiled launcher puts its pid where the spaces are (native/compiled/compiled.cc).
function startedLine({ compiledFor, pid }: Caller): Buffer {
  if (compiledFor === undefined) return statusLine({ event: 'started', pid });
  return Buffer.from(`{"event":"started","pid":${' '.repeat(10)}}\n`);
}

interface FailedMessage {
  readonly message: string;
  readonly code?: string;
}

/** The line that says that nothing runs. */
export function failedLine(error: Partial<Omit<LaunchError, 'code'>> & FailedMessage): Buffer {
  const { step, place, code, errno, message } = error;
  return statusLine({ event: 'failed', step, place, code, errno, message });
}
