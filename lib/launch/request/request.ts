// The request as callers write it, and its one normal form. Whatever is wrong with it stops here.
import { constants } from 'node:os';

import { UsageError } from '../../errors.ts';
import { checkKeys, reading } from '../../keys.ts';
import { quote, type Bytes } from '../../quote.ts';
import { capabilityNumber } from './capabilities.ts';
import { toLimit, type RlimitName, type RlimitValue } from './rlimits.ts';
import type { Limit } from '../plan/step.ts';
import { bytes, descriptor, flag, list, toEnv, toPassEnv, type EnvVariable } from './value.ts';

/** What to start, in which jail, as whom. Everything but `user` and `jail` has a default. */
export interface LaunchRequest {
  /** NAME, NAME:GROUP, UID or UID:GID on the host; a name is tried first, `+N` is always a number. */
  readonly user: string | number;
  /** Group instead of the user's own, by name or gid; not together with `:GROUP`. */
  readonly group?: string | number | undefined;
  /** Supplementary groups instead of the user's own, by name or gid. */
  readonly groups?: readonly (string | number)[] | undefined;
  /** No supplementary groups. */
  readonly clearGroups?: boolean | undefined;
  /** Absolute path of the jail's directory on the host. */
  readonly jail: Bytes;
  /** Path in the jail; without it the user's shell if the jail has it, else /bin/sh. */
  readonly program?: Bytes | undefined;
  /** Arguments after the program's name. */
  readonly args?: readonly Bytes[] | undefined;
  /** argv[0], by default the program as given. */
  readonly argv0?: Bytes | undefined;
  /** Working directory in the jail, by default `/`. */
  readonly cwd?: Bytes | undefined;
  /** Variables to set, over the defaults; `undefined` leaves one out. */
  readonly env?: Readonly<Record<string, Bytes | undefined>> | undefined;
  /** Start from the caller's environment, less the variables of loaders and interpreters. */
  readonly keepEnv?: boolean | undefined;
  /** Names of the caller's variables that pass as well; not together with keepEnv. */
  readonly passEnv?: readonly string[] | undefined;
  /** Descriptors above 2 that the program gets, under the same number. */
  readonly preserveFds?: readonly number[] | undefined;
  /** Resource limits, by name in lower case: `{nofile: 4096}`. */
  readonly rlimits?: Readonly<Partial<Record<RlimitName, RlimitValue>>> | undefined;
  /** umask, 0 to 0o777; by default the caller's with at least 0o022. */
  readonly umask?: number | undefined;
  /** Allow uid 0 or gid 0. */
  readonly allowRoot?: boolean | undefined;
  /** Let set-user-ID programs and file capabilities work in the jail. */
  readonly allowNewPrivs?: boolean | undefined;
  /** Capabilities that the program keeps, such as `net_bind_service`. */
  readonly caps?: readonly string[] | undefined;
  /** Accept a jail that the user could replace. */
  readonly insecurePath?: boolean | undefined;
  /** Start in a session of its own, without a terminal. */
  readonly newSession?: boolean | undefined;
  /** Kill the program when the starting process ends. */
  readonly dieWithParent?: boolean | undefined;
  /** Descriptor to which one JSON object a line is written: started, failed, exited. */
  readonly statusFd?: number | undefined;
  /** Path on the host to which the program's pid is written. */
  readonly pidFile?: string | undefined;
  /** Look for missing interpreters and shared libraries before the launch. */
  readonly checkProgram?: boolean | undefined;
}

/** A user or group as it was asked for: by name, by number, or either (a name of digits). */
export interface Principal {
  readonly name?: string;
  readonly id?: number;
  readonly text: string;
}

/** The normal form of a LaunchRequest. */
export interface NormalRequest {
  readonly user: Principal;
  readonly group: Principal | undefined;
  /** undefined: the user's own. */
  readonly groups: readonly Principal[] | undefined;
  readonly jail: Buffer;
  readonly program: Buffer | undefined;
  readonly args: readonly Buffer[];
  readonly argv0: Buffer | undefined;
  readonly cwd: Buffer;
  /** Each name once. */
  readonly env: readonly EnvVariable[];
  readonly keepEnv: boolean;
  readonly passEnv: readonly string[];
  readonly preserveFds: readonly number[];
  readonly rlimits: readonly (readonly [string, Limit])[];
  readonly umask: number | undefined;
  readonly allowRoot: boolean;
  readonly allowNewPrivs: boolean;
  readonly capabilities: readonly number[];
  readonly insecurePath: boolean;
  readonly newSession: boolean;
  readonly dieWithParent: boolean;
  readonly statusFd: number | undefined;
  readonly pidFile: string | undefined;
  readonly checkProgram: boolean;
}

/** Every key of a LaunchRequest. */
export const launchKeys: ReadonlySet<string> = new Set([
  'user',
  'group',
  'groups',
  'clearGroups',
  'jail',
  'program',
  'args',
  'argv0',
  'cwd',
  'env',
  'keepEnv',
  'passEnv',
  'preserveFds',
  'rlimits',
  'umask',
  'allowRoot',
  'allowNewPrivs',
  'caps',
  'insecurePath',
  'newSession',
  'dieWithParent',
  'statusFd',
  'pidFile',
  'checkProgram',
] satisfies readonly (keyof LaunchRequest)[]);

/** uid_t and gid_t, less (uid_t)-1, which set*id(2) takes for "unchanged". */
export const maxId = 2 ** 32 - 2;

/**
 * Reads one half of USER:GROUP. Numbers are plain decimal: what other tools read as 0 (`00`, `-0`, ` 0`,
 * `4294967296`) is a name here, and so unknown.
 */
export function toPrincipal(value: unknown, what: 'user' | 'group'): Principal {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value <= maxId) return { id: value, text: String(value) };
    throw new UsageError(`${what} must be a name, or an id from 0 to ${maxId}, not ${value}`);
  }
  if (typeof value !== 'string') throw new UsageError(`${what} must be a string or a number`);
  if (value.includes('\0')) throw new UsageError(`${what} must not contain a NUL byte`);
  // Most begin with a letter, and no regular expression has to be compiled for those.
  const first = value.charCodeAt(0);
  if (first > 0x39) return { name: value, text: value };
  const match = /^(\+?)(0|[1-9][0-9]{0,9})$/.exec(value);
  const id = match?.[2] === undefined ? Number.NaN : Number(match[2]);
  if (match?.[1] === '+') return id <= maxId ? { id, text: value } : { text: value };
  return id <= maxId ? { name: value, id, text: value } : { name: value, text: value };
}

function toUser(request: LaunchRequest): { user: Principal; group: Principal | undefined } {
  const { user, group } = request;
  const colon = typeof user === 'string' ? user.indexOf(':') : -1;
  if (typeof user !== 'string' || colon < 0) {
    return {
      user: toPrincipal(user, 'user'),
      group: group === undefined ? undefined : toPrincipal(group, 'group'),
    };
  }
  if (group !== undefined)
    throw new UsageError(`the group is given twice: in user '${quote(user)}' and in group`);
  const after = user.slice(colon + 1);
  if (after === '')
    throw new UsageError(`the group in '${quote(user)}' is empty`, {
      hint: `write ${quote(user.slice(0, colon))} for the user's own group`,
    });
  return { user: toPrincipal(user.slice(0, colon), 'user'), group: toPrincipal(after, 'group') };
}

function toGroups(request: LaunchRequest): readonly Principal[] | undefined {
  if (flag(request.clearGroups, 'clearGroups')) {
    if (request.groups !== undefined)
      throw new UsageError('groups are given and cleared at once: choose one');
    return [];
  }
  if (request.groups === undefined) return undefined;
  const groups = list(request.groups, 'groups', (group) => toPrincipal(group, 'group'));
  if (groups.length > 65536)
    throw new UsageError('a process has at most 65536 supplementary groups (setgroups(2))');
  return groups;
}

const rootDirectory = Buffer.from('/');

function toUmask(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o777) return value;
  throw new UsageError('umask must be a number from 0 to 0o777');
}

function toRlimits(value: unknown): NormalRequest['rlimits'] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null)
    throw new UsageError('rlimits must be an object such as {nofile: 4096}');
  return Object.entries(value).map(([name, limit]) => [name, toLimit(name, limit)] as const);
}

function toCapabilities(value: unknown): readonly number[] {
  if (value === undefined) return [];
  const numbers = list(value, 'caps', (name) => {
    const capability = typeof name === 'string' ? capabilityNumber(name) : undefined;
    if (capability !== undefined) return capability;
    throw new UsageError(`there is no capability '${quote(String(name))}'`, {
      hint: 'capabilities(7) lists them: for example net_bind_service',
    });
  });
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

function toJail(value: unknown): Buffer {
  const jail = bytes(value, 'jail');
  if (jail.length === 0) throw new UsageError('the jail directory is empty');
  if (jail[0] !== 0x2f)
    throw new UsageError(`the jail directory must be an absolute path, not ${quote(jail)}`);
  return jail;
}

function toPidFile(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new UsageError('pidFile must be the path of a file');
}

/**
 * The normal form of a request.
 *
 * @param keys what the request may have; what is not a launch's own belongs to the caller and is not looked at here
 * @throws UsageError for unknown keys, wrong types, NUL bytes, ids outside 0…2^32-2, relative jail paths
 */
export function normalize(request: LaunchRequest, keys: ReadonlySet<string> = launchKeys): NormalRequest {
  return reading(() => toNormal(request, keys));
}

function toNormal(request: LaunchRequest, keys: ReadonlySet<string>): NormalRequest {
  checkKeys(request, keys, "{user: 'sam', jail: '/srv/jail', program: '/bin/ls'}");
  const program = request.program === undefined ? undefined : bytes(request.program, 'program');
  if (program?.length === 0)
    throw new UsageError('the program is empty', { hint: 'give its path in the jail, such as /bin/sh' });
  const cwd = request.cwd === undefined ? rootDirectory : bytes(request.cwd, 'cwd');
  if (cwd.length === 0) throw new UsageError('the working directory is empty');
  const args =
    request.args === undefined ? [] : list(request.args, 'args', (arg, i) => bytes(arg, `args[${i}]`));
  const preserveFds =
    request.preserveFds === undefined
      ? []
      : list(request.preserveFds, 'preserveFds', (fd) => descriptor(fd, 'a preserved descriptor', 3));
  // One literal without a spread: V8 gives it a fast shape, and a service makes one for each launch.
  const { user, group } = toUser(request);
  const keepEnv = flag(request.keepEnv, 'keepEnv');
  return {
    user,
    group,
    groups: toGroups(request),
    jail: toJail(request.jail),
    program,
    args,
    argv0: request.argv0 === undefined ? undefined : bytes(request.argv0, 'argv0'),
    cwd,
    env: toEnv(request.env),
    keepEnv,
    passEnv: toPassEnv(request.passEnv, keepEnv),
    preserveFds: preserveFds.length < 2 ? preserveFds : [...new Set(preserveFds)].toSorted((a, b) => a - b),
    rlimits: toRlimits(request.rlimits),
    umask: toUmask(request.umask),
    allowRoot: flag(request.allowRoot, 'allowRoot'),
    allowNewPrivs: flag(request.allowNewPrivs, 'allowNewPrivs'),
    capabilities: toCapabilities(request.caps),
    insecurePath: flag(request.insecurePath, 'insecurePath'),
    newSession: flag(request.newSession, 'newSession'),
    dieWithParent: flag(request.dieWithParent, 'dieWithParent'),
    statusFd: request.statusFd === undefined ? undefined : descriptor(request.statusFd, 'statusFd'),
    pidFile: toPidFile(request.pidFile),
    checkProgram: flag(request.checkProgram, 'checkProgram'),
  };
}

/** A signal by name or number. @throws UsageError for one that does not exist */
export function signalNumber(signal: unknown, name: string): number {
  if (typeof signal === 'number' && Number.isInteger(signal) && signal >= 0 && signal <= 64) return signal;
  if (typeof signal === 'string' && Object.hasOwn(constants.signals, signal)) {
    return constants.signals[signal as NodeJS.Signals];
  }
  throw new UsageError(`${name}: there is no signal ${quote(String(signal))}`);
}
