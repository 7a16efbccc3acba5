// What launches of one kind beside this process share: the jail that was judged, and the last plan. Each launch compares the host with
// what was seen of it then.
import type { HostSight } from '../../native.ts';
import { processOf, type Caller, type ProgramProcess } from '../host/caller.ts';
import { buildEnvironment } from '../host/environment.ts';
import type { JudgedJail, Settled } from '../host/judged-jail.ts';
import { Beginning } from '../plan/encode.ts';
import { Launch, toSetUp } from '../plan/launch.ts';
import type { Plan } from '../plan/step.ts';
import { setUpKeys, type NormalRequest, type Principal } from '../request/request.ts';
import type { Filter } from '../seccomp/filter.ts';

/** Whether two values of requests are the same, or objects or bytes with the same content. */
function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => isAlike(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

const setUpValues = (request: NormalRequest): readonly unknown[] => setUpKeys().map((key) => request[key]);

interface KeptSetUp {
  readonly values: readonly unknown[];
  readonly caller: Caller;
  readonly filter: Filter | undefined;
  readonly setUp: Plan;
  readonly beginning: Beginning;
}

interface KeptEnvironment {
  readonly request: Settled;
  readonly caller: Caller;
  readonly env: readonly Buffer[];
}

/** The caches of launches beside this process. With them a plan and its bytes take 3 µs of the event loop; without them 70 µs. */
export class KeptLaunch {
  readonly jail: JudgedJail;
  /** The open descriptor of the jail; or a record of what was seen of the host, which each launch compares with the host. */
  readonly directory: number | HostSight;
  #setUp: KeptSetUp | undefined;
  #environment: KeptEnvironment | undefined;

  constructor(jail: JudgedJail, directory: number | HostSight = jail.fd) {
    this.jail = jail;
    this.directory = directory;
  }

  /** As toLaunch(), with the parts of the last launch that are the same. */
  plan(request: Settled, caller: Caller, filter: Filter | undefined): Launch {
    const program = processOf(request, caller);
    const { setUp, beginning } = this.#setUpFor(request, caller, program, filter);
    const env = this.#environmentFor(request, caller, program);
    return new Launch(request, this.jail, caller, program.keptFds, setUp, env, beginning);
  }

  #setUpFor(
    request: Settled,
    caller: Caller,
    program: ProgramProcess,
    filter: Filter | undefined,
  ): KeptSetUp {
    const last = this.#setUp;
    const values = setUpValues(request);
    if (
      last?.filter === filter &&
      last?.caller.newGroup === caller.newGroup &&
      last.caller.joined === caller.joined &&
      last.caller.sockets === caller.sockets &&
      values.every((value, at) => isAlike(value, last.values[at]))
    )
      return last;
    const setUp = toSetUp(request, this.jail.account, caller, program, filter);
    this.#setUp = { values, caller, filter, setUp, beginning: new Beginning(setUp) };
    return this.#setUp;
  }

  #environmentFor(request: Settled, caller: Caller, { pid }: ProgramProcess): readonly Buffer[] {
    const last = this.#environment;
    // the array of variables is another one if the request asks for the caller's, or if one of them has changed
    if (
      last?.caller.environment === caller.environment &&
      last.caller.sockets === caller.sockets &&
      (last.request === request || (last.request.env.length === 0 && request.env.length === 0))
    )
      return last.env;
    const env = buildEnvironment({ request, account: this.jail.account, caller, programPid: pid });
    this.#environment = { request, caller, env };
    return env;
  }
}

// More jails and users than a busy service has. Beyond that, launches only take longer.
const mostKept = 256;
const kept = new Map<string, KeptLaunch>();

// No name contains a NUL. A number that was given as an id is not a name.
const principalKey = ({ name, id }: Principal): string => `${name ?? ''}\0${id ?? ''}`;

// All keys of a request that decide about look-up and judgement.
function keyOf(request: NormalRequest): string {
  const { user, group, groups, jail, allowRoot, insecurePath, allowNewPrivs, rootless, mapAuto } = request;
  const flags =
    (allowRoot ? 1 : 0) +
    (insecurePath ? 2 : 0) +
    (allowNewPrivs ? 4 : 0) +
    (rootless ? 8 : 0) +
    (mapAuto ? 16 : 0);
  const caller = rootless ? process.geteuid?.() : '';
  const own = group === undefined ? '*' : principalKey(group);
  const others = groups === undefined ? '*' : `=${groups.map(principalKey).join('\0')}`;
  return `${flags} ${caller}\0${principalKey(user)}\0${own}\0${jail.toString('latin1')}\0${others}`;
}

/** Keeps a judged jail for the next request like this one. */
export function keepLaunch(request: NormalRequest, jail: JudgedJail, sight: HostSight): void {
  if (kept.size >= mostKept) kept.clear();
  kept.set(keyOf(request), new KeptLaunch({ ...jail, fd: -1 }, sight));
}

/** The launch that was kept for a request like this one. */
export function keptLaunch(request: NormalRequest): KeptLaunch | undefined {
  return kept.get(keyOf(request));
}
