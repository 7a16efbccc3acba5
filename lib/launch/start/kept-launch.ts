// What launches of one kind beside this process share: the jail that was judged, and the last plan. Each launch compares the host with
// what was seen of it then.
import type { HostSight } from '../../native.ts';
import { isAlike } from '../../values/keys.ts';
import { processOf, type Caller, type ProgramProcess } from '../host/caller.ts';
import { buildEnvironment } from '../host/environment.ts';
import { mounts, type JudgedJail, type Settled } from '../host/judged-jail.ts';
import { Beginning } from '../plan/encode.ts';
import { Launch, toSetUp } from '../plan/launch.ts';
import { setUpKeys, type NormalRequest, type Principal } from '../request/request.ts';
import type { Filter } from '../seccomp/filter.ts';

interface LastLaunch {
  readonly request: Settled;
  readonly caller: Caller;
  readonly filter: Filter | undefined;
  readonly programPid: ProgramProcess['pid'];
  readonly beginning: Beginning;
  readonly launch: Launch;
}

/** The last launch beside this process in a jail for an account, for the next one, which is often like it. */
export class KeptLaunch {
  readonly jail: JudgedJail;
  /** The open descriptor of the jail; or a record of what was seen of the host, which each launch compares with the host. */
  readonly directory: number | HostSight;
  #last: LastLaunch | undefined;

  constructor(jail: JudgedJail, directory: number | HostSight = jail.fd) {
    this.jail = jail;
    this.directory = directory;
  }

  /** What the last call of plan() has returned. */
  get lastLaunch(): Launch | undefined {
    return this.#last?.launch;
  }

  /** As toLaunch(), with the parts of the last launch that are the same. */
  plan(request: Settled, caller: Caller, filter: Filter | undefined): Launch {
    const last = this.#last;
    if (last?.request === request && last.caller === caller && last.filter === filter) return last.launch;
    const { account } = this.jail;
    const program = processOf(request, caller);
    const same =
      last !== undefined && last.filter === filter && hasSameSetUp(request, caller, last) ? last : undefined;
    const setUp = same?.launch.setUp ?? toSetUp(request, account, caller, program, filter);
    const beginning = same?.beginning ?? new Beginning(setUp);
    const env =
      last?.request.env === request.env &&
      // another array if the request asks for more of the caller's variables, or if one has changed
      last.caller.environment === caller.environment &&
      last.caller.sockets === caller.sockets &&
      last.programPid === program.pid
        ? last.launch.execve.env
        : buildEnvironment({ request, account, caller, programPid: program.pid });
    const launch = new Launch(request, this.jail, caller, program.keptFds, setUp, env, beginning);
    this.#last = { request, caller, filter, programPid: program.pid, beginning, launch };
    return launch;
  }
}

function hasSameSetUp(request: Settled, caller: Caller, last: LastLaunch): boolean {
  if (
    last.caller.newGroup !== caller.newGroup ||
    last.caller.joined !== caller.joined ||
    last.caller.sockets !== caller.sockets
  )
    return false;
  for (const key of setUpKeys()) if (!isAlike(request[key], last.request[key])) return false;
  return true;
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
    (mapAuto ? 16 : 0) +
    (mounts(request) ? 32 : 0);
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
export const keptLaunch = (request: NormalRequest): KeptLaunch | undefined => kept.get(keyOf(request));
