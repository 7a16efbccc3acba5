// The program's environment: built, not filtered. Pure.
import type { Account } from './account.ts';
import { zeroBytes } from '../../quote.ts';
import { directoryVariables, plainPath, translateDirectories } from './directories.ts';
import type { NormalRequest } from '../request/request.ts';

// As login(1) and Debian's su have them.
const rootPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const userPath = '/usr/local/bin:/usr/bin:/bin';

// What describes the terminal, the language and the time zone, and says nothing else about the caller.
const described = new Set([
  'TERM',
  'COLORTERM',
  'TZ',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_ADDRESS',
  'LC_COLLATE',
  'LC_CTYPE',
  'LC_IDENTIFICATION',
  'LC_MEASUREMENT',
  'LC_MESSAGES',
  'LC_MONETARY',
  'LC_NAME',
  'LC_NUMERIC',
  'LC_PAPER',
  'LC_TELEPHONE',
  'LC_TIME',
]);

// Of descriptors that are passed on: nothing without them (sd_listen_fds(3)).
const activation = new Set(['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES']);

// The init system's protocol with the program it started: sd_notify(3), sd_watchdog_enabled(3).
const protocol = new Set(['NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC', ...activation]);

/** What every program gets of the caller's environment. */
export const describedNames: readonly string[] = [...described];

/** What a program started in place can get of the caller's environment without --keep-env. */
export const inPlaceVariables: readonly string[] = [...described, ...protocol];

// With --keep-env: variables that make a loader, a shell or an interpreter run or open something else (environment
// of sudo, sudoers(5) "env_delete"; glibc, sysdeps/generic/unsecvars.h), and those of the account, which changes.
// NAME* stands for every name that begins so. A function: most launches have no use for it.
function dangerousNames(): readonly string[] {
  return (
    'LD_* DYLD_* GLIBC_TUNABLES GCONV_PATH GETCONF_DIR HOSTALIASES LOCALDOMAIN LOCPATH MALLOC_* NIS_PATH ' +
    'NLSPATH NODE_* NPM_CONFIG_* npm_* RESOLV_HOST_CONF RES_OPTIONS TMPDIR IFS ENV BASH_ENV BASH_FUNC_* ' +
    'BASHOPTS SHELLOPTS CDPATH GLOBIGNORE PS4 PERLLIB PERL5LIB PERLOPT PERL5OPT PERL5DB PERLIO_DEBUG ' +
    'PYTHON* RUBYLIB RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH LUA_* TCLLIBPATH ' +
    'GIO_EXTRA_MODULES OPENSSL_CONF OPENSSL_MODULES SSLKEYLOGFILE TERMINFO* TERMCAP TERMPATH ' +
    'XDG_RUNTIME_DIR MEMORY_PRESSURE_* DBUS_* SUDO_* SSH_AUTH_SOCK KRB5* MAIL OLDPWD PWD _'
  ).split(' ');
}

function dangerous(): RegExp {
  return new RegExp(`^(${dangerousNames().join('|').replaceAll('*', '.*')})$`, 's');
}

/** One variable of the caller, as bytes: the name is latin1, one character a byte. */
export type Variable = readonly [name: string, value: Buffer];

/** A name as that of a Variable. */
export function byteName(name: string): string {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 0x7f) return Buffer.from(name).toString('latin1');
  }
  // nearly all names are ASCII
  return name;
}

/**
 * Splits the entries of an environment; of a name that comes twice the first counts, as for getenv(3), and an entry
 * without `=` or name is nothing that can be kept. Names are taken byte for byte (latin1).
 */
export function splitEntries(entries: readonly Buffer[]): readonly Variable[] {
  const seen = new Map<string, Buffer>();
  for (const entry of entries) {
    const equals = entry.indexOf(0x3d);
    if (equals <= 0) continue;
    const name = entry.toString('latin1', 0, equals);
    if (!seen.has(name)) seen.set(name, entry.subarray(equals + 1));
  }
  return [...seen];
}

/** Of an environment, what has these names: a service launches often, and reading all of it costs. */
export function namedVariables(
  env: Readonly<Record<string, string | undefined>>,
  names: Iterable<string>,
): readonly Variable[] {
  const variables: Variable[] = [];
  for (const name of names) {
    const value = env[name];
    if (value !== undefined) variables.push([byteName(name), Buffer.from(value)]);
  }
  return variables;
}

/** Of an environment, only what every program gets. */
export function describedVariables(env: Readonly<Record<string, string | undefined>>): readonly Variable[] {
  return namedVariables(env, described);
}

/** Socket-activation descriptors that belong to this process: their number, from 3 on; 0 if there are none. */
export function listenFds(caller: readonly Variable[], pid: number): number {
  const value = (name: string): string =>
    caller.find(([known]) => known === name)?.[1].toString('latin1') ?? '';
  if (value('LISTEN_PID') !== String(pid) || !/^[1-9][0-9]{0,4}$/.test(value('LISTEN_FDS'))) return 0;
  return Number(value('LISTEN_FDS'));
}

export interface EnvironmentInput {
  readonly request: Pick<NormalRequest, 'env' | 'jail' | 'keepEnv' | 'passEnv'>;
  readonly account: Account;
  /** The caller's environment. */
  readonly caller: readonly Variable[];
  /** In place the init system's variables go along: the program is the process that they were made for. */
  readonly inPlace: boolean;
  /** Pid of this process. */
  readonly pid: number;
}

// The name is latin1, one character a byte.
function toEntry(name: string, value: Buffer): Buffer {
  const entry = zeroBytes(name.length + 1 + value.length);
  for (let i = 0; i < name.length; i++) entry[i] = name.charCodeAt(i);
  entry[name.length] = 0x3d;
  entry.set(value, name.length + 1);
  return entry;
}

const inJail = (value: Buffer, { jail }: Pick<NormalRequest, 'jail'>): Buffer | undefined =>
  translateDirectories(value, plainPath(jail));

// Of --pass-env, byte for byte.
const namesOf = ({ passEnv }: Pick<NormalRequest, 'passEnv'>): ReadonlySet<string> =>
  new Set(passEnv.map(byteName));

// Whether the caller's value of a variable of the account counts, if he has one.
function callersCounts(
  { keepEnv }: Pick<NormalRequest, 'keepEnv'>,
  named: ReadonlySet<string>,
  name: string,
): boolean {
  return keepEnv ? name === 'PATH' : named.has(name);
}

/** The entries of the program's environment, `NAME=value` each. */
export function buildEnvironment(input: EnvironmentInput): readonly Buffer[] {
  const { request, account, caller, inPlace, pid } = input;
  const env = new Map<string, Buffer>();
  const listens = listenFds(caller, pid) > 0;
  const refused = request.keepEnv ? dangerous() : undefined;
  const named = namesOf(request);
  for (const [name, value] of caller) {
    const kept = activation.has(name)
      ? inPlace && listens
      : protocol.has(name)
        ? inPlace || named.has(name)
        : refused === undefined
          ? described.has(name) || named.has(name)
          : !refused.test(name);
    const passed = kept && directoryVariables.includes(name) ? inJail(value, request) : value;
    if (kept && passed !== undefined) env.set(name, toEntry(name, passed));
  }
  const path = account.uid === 0 ? rootPath : userPath;
  const identity = {
    PATH: path,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
  };
  for (const [name, value] of Object.entries(identity)) {
    if (env.has(name) && callersCounts(request, named, name)) continue;
    if (value === undefined) env.delete(name);
    else env.set(name, Buffer.from(`${name}=${value}`));
  }
  // Not into the map: each name comes once, and there may be thousands.
  const own: Buffer[] = [];
  for (const [name, value] of request.env) {
    const bytes = byteName(name);
    env.delete(bytes);
    if (value === undefined) continue;
    own.push(typeof value === 'string' ? Buffer.from(`${name}=${value}`) : toEntry(bytes, value));
  }
  return [...env.values(), ...own];
}

/** What a compiled launcher makes of the environment that it is started with: rules for native/compiled/environment.cc. */
export interface EnvironmentRules {
  /** How the entries begin that pass, or that do not: `TERM=`, or `LD_` for every name that begins so. */
  readonly beginnings: readonly Buffer[];
  /** Whether all others pass, or these alone. */
  readonly keepsOthers: boolean;
  /** Entries that every program gets. */
  readonly entries: readonly Buffer[];
  /** Entries for the names of which nothing passes. */
  readonly fallbacks: readonly Buffer[];
  /** How those entries begin that name directories of the host, and the jail's path there. */
  readonly directories: readonly Buffer[];
  readonly jail: Buffer;
}

const nameOf = (entry: Buffer): string => entry.toString('latin1', 0, entry.indexOf(0x3d));

const whole = (names: Iterable<string>): readonly string[] => [...names].map((name) => `${name}=`);

/** The rules that come to the same as `buildEnvironment` in place, whoever the caller will be. */
export function environmentRules(input: Pick<EnvironmentInput, 'request' | 'account'>): EnvironmentRules {
  const { request, account } = input;
  const names = new Set(request.env.map(([name]) => byteName(name)));
  const built = buildEnvironment({ ...input, caller: [], inPlace: true, pid: 0 });
  const named = namesOf(request);
  const isFallback = (entry: Buffer): boolean =>
    callersCounts(request, named, nameOf(entry)) && !names.has(nameOf(entry));
  const entries = built.filter((entry) => !isFallback(entry));
  const taken = new Set([
    ...entries.map(nameOf),
    ...names,
    ...(account.name === undefined ? ['USER', 'LOGNAME'].filter((name) => !named.has(name)) : []),
  ]);
  const beginnings = request.keepEnv
    ? [
        ...dangerousNames().map((name) => (name.endsWith('*') ? name.slice(0, -1) : `${name}=`)),
        ...whole(taken),
      ]
    : whole([...inPlaceVariables, ...named].filter((name) => !taken.has(name)));
  return {
    beginnings: beginnings.map((beginning) => Buffer.from(beginning, 'latin1')),
    keepsOthers: request.keepEnv,
    entries,
    fallbacks: built.filter(isFallback),
    directories: whole(directoryVariables).map((beginning) => Buffer.from(beginning)),
    jail: Buffer.from(plainPath(request.jail), 'latin1'),
  };
}
