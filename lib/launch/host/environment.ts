// The program's environment: built, not filtered. Pure.
import { quote } from '../../words/quote.ts';
import type { ListenSockets } from '../request/listen-sockets.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Account } from './account.ts';
import { absolutePath } from './directory.ts';

// As in login(1) and Debian's su.
const rootPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const userPath = '/usr/local/bin:/usr/bin:/bin';

/** PATH of a program that has this uid. */
export const pathFor = (uid: number): string => (uid === 0 ? rootPath : userPath);

/**
 * Variables of the caller that every program gets. They describe the terminal, the language and the time zone, and nothing else
 * about the caller.
 */
export const describedNames: readonly string[] = (
  'TERM COLORTERM TZ LANG LANGUAGE LC_ALL LC_ADDRESS LC_COLLATE LC_CTYPE LC_IDENTIFICATION LC_MEASUREMENT ' +
  'LC_MESSAGES LC_MONETARY LC_NAME LC_NUMERIC LC_PAPER LC_TELEPHONE LC_TIME'
).split(' ');
const described = new Set(describedNames);

// These variables are passed together with the descriptors that they describe (sd_listen_fds(3)).
const activation = new Set(['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES']);

// The init system's protocol with the program that it started: sd_notify(3), sd_watchdog_enabled(3).
const protocol = new Set(['NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC', ...activation]);

/** What a program started in place can get of the caller's environment without --keep-env. */
const inPlaceVariables: readonly string[] = [...describedNames, ...protocol];

// Directories of the host: RuntimeDirectory= and similar settings, and credentials. In the jail they have another path, or none.
// One path, or several with colons between (systemd.exec(5)).
const directoryVariables: readonly string[] =
  'RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY'.split(
    ' ',
  );

// As systemd writes paths: it follows no links. latin1.
const plainPath = (jail: Buffer): string => absolutePath(jail.toString('latin1'));

function toJailPath(hostPath: string, jail: string): string | undefined {
  if (hostPath.split('/').includes('..')) return undefined; // it may lead out of the jail
  if (jail === '/') return hostPath;
  if (hostPath === jail) return '/';
  return hostPath.startsWith(`${jail}/`) ? hostPath.slice(jail.length) : undefined;
}

// The directories in the jail, by their paths there; undefined if there are none.
function translateDirectories(value: Buffer, jail: string): Buffer | undefined {
  const hostPaths = value.toString('latin1').split(':');
  const paths = hostPaths.flatMap((hostPath) => toJailPath(hostPath, jail) ?? []);
  return paths.length === 0 ? undefined : Buffer.from(paths.join(':'), 'latin1');
}

/** A warning for each variable that passes and names directories outside the jail. */
export function lostDirectories(
  request: Pick<NormalRequest, 'env' | 'jail' | 'keepEnv' | 'passEnv'>,
  caller: readonly Variable[],
): readonly { readonly message: string; readonly hint: string }[] {
  const jail = plainPath(request.jail);
  const isSet = (name: string): boolean => request.env.some(([given]) => given === name);
  return caller.flatMap(([name, value]) => {
    const passes = request.keepEnv || request.passEnv.includes(name);
    if (!passes || !directoryVariables.includes(name) || isSet(name)) return [];
    const hostPaths = value.toString('latin1').split(':');
    const lost = hostPaths.filter((hostPath) => toJailPath(hostPath, jail) === undefined);
    if (lost.length === 0) return [];
    const paths = quote(Buffer.from(lost.join(':'), 'latin1'));
    return {
      message: `environment: ${name}: ${paths} is outside the jail, and is left out`,
      hint: `mount it into the jail (BindPaths=), and say where with --setenv ${name}=PATH`,
    };
  });
}

// What --keep-env leaves out: variables that make a loader, a shell or an interpreter run or open something else (sudoers(5),
// "env_delete"; glibc, sysdeps/generic/unsecvars.h), and those of the account. NAME* stands for every name with this beginning.
function dangerousNames(): readonly string[] {
  return (
    'LD_* DYLD_* GLIBC_TUNABLES GCONV_PATH GETCONF_DIR HOSTALIASES LOCALDOMAIN LOCPATH MALLOC_* NIS_PATH ' +
    'NLSPATH NODE_* NPM_CONFIG_* npm_* RESOLV_HOST_CONF RES_OPTIONS TMPDIR IFS ENV BASH_ENV BASH_FUNC_* ' +
    'BASHOPTS SHELLOPTS CDPATH GLOBIGNORE PS4 PERLLIB PERL5LIB PERLOPT PERL5OPT PERL5DB PERLIO_DEBUG ' +
    'PYTHON* RUBYLIB RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH LUA_* TCLLIBPATH ' +
    'GIO_EXTRA_MODULES OPENSSL_CONF OPENSSL_MODULES SSLKEYLOGFILE TERMINFO* TERMCAP TERMPATH ' +
    'XDG_RUNTIME_DIR MEMORY_PRESSURE_* DBUS_* SUDO_* SSH_AUTH_SOCK KRB5* MAIL OLDPWD PWD SHLVL _'
  ).split(' ');
}

/** One variable of the caller, as bytes: the name is latin1, one character a byte. */
export type Variable = readonly [name: string, value: Buffer];

/** A name as a Variable has it. */
const byteName = (name: string): string => Buffer.from(name).toString('latin1');

/**
 * The variables of an environment's entries, byte for byte. If a name comes twice, the first entry counts, as for getenv(3). An
 * entry without `=` or without a name is left out.
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

/** The variables with these names. */
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

/** The number of socket-activation descriptors for this process, from 3 on (sd_listen_fds(3)). */
export function listenFds(caller: readonly Variable[], pid: number): number {
  const value = (name: string): string =>
    caller.find(([known]) => known === name)?.[1].toString('latin1') ?? '';
  if (value('LISTEN_PID') !== String(pid) || !/^[1-9][0-9]{0,4}$/.test(value('LISTEN_FDS'))) return 0;
  return Number(value('LISTEN_FDS'));
}

/** What the environment needs to know of the process that launches. */
export interface EnvironmentCaller {
  /** Then the init system's variables pass: they were made for this process, which becomes the program. */
  readonly inPlace: boolean;
  readonly environment: readonly Variable[];
  readonly pid: number;
  /** Sockets of this process that the program gets; the same array for the same ones. In place, see `listenFds`. */
  readonly sockets?: ListenSockets;
}

export interface EnvironmentInput {
  readonly request: Pick<NormalRequest, 'env' | 'jail' | 'keepEnv' | 'passEnv'>;
  readonly account: Account;
  readonly caller: EnvironmentCaller;
  /** What the program gets for its pid, if that is not this process's: its pid in a pid namespace, or `pidToCome`. */
  readonly programPid?: number | typeof pidToCome | undefined;
}

/** A placeholder for a pid that only the launcher knows. The launcher replaces it (native/launcher/launcher.cc). */
export const pidToCome = '          ';

// They hold the pid of the process that they are for.
const pidVariables = new Set(['LISTEN_PID', 'WATCHDOG_PID']);

// The name is latin1, one character a byte.
function toEntry(name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${name}=`, 'latin1'), value]);
}

// Variables of sd_listen_fds(3) for sockets that this process hands over.
function activationEntries(
  sockets: ListenSockets,
  pid: EnvironmentInput['programPid'] = pidToCome,
): Buffer[] {
  const names = sockets.map(({ name }) => name).join(':');
  return [`LISTEN_PID=${pid}`, `LISTEN_FDS=${sockets.length}`, `LISTEN_FDNAMES=${names}`].map((entry) =>
    Buffer.from(entry),
  );
}

// The names of --pass-env, byte for byte.
const namesOf = ({ passEnv }: Pick<NormalRequest, 'passEnv'>): ReadonlySet<string> =>
  new Set(passEnv.map(byteName));

// Whether the caller's value of an account variable (HOME, PATH, …) wins, if the caller has one.
function callersCounts(
  { keepEnv }: Pick<NormalRequest, 'keepEnv'>,
  named: ReadonlySet<string>,
  name: string,
): boolean {
  return keepEnv ? name === 'PATH' : named.has(name);
}

/** The entries of the program's environment, `NAME=value` each. */
export function buildEnvironment(input: EnvironmentInput): readonly Buffer[] {
  const { request, account, programPid } = input;
  const { environment, inPlace, pid, sockets = [] } = input.caller;
  const env = new Map<string, Buffer>();
  const listens = listenFds(environment, pid) > 0;
  const refused = request.keepEnv
    ? new RegExp(`^(${dangerousNames().join('|').replaceAll('*', '.*')})$`, 's')
    : undefined;
  const named = namesOf(request);
  for (const [name, value] of environment) {
    const kept = activation.has(name)
      ? inPlace && listens && (name !== 'LISTEN_PIDFDID' || programPid === undefined)
      : protocol.has(name)
        ? inPlace || named.has(name)
        : refused === undefined
          ? described.has(name) || named.has(name)
          : !refused.test(name);
    const passed =
      kept && directoryVariables.includes(name)
        ? translateDirectories(value, plainPath(request.jail))
        : value;
    const isOwnPid =
      programPid !== undefined && pidVariables.has(name) && value.toString('latin1') === String(pid);
    if (kept && passed !== undefined)
      env.set(name, toEntry(name, isOwnPid ? Buffer.from(String(programPid)) : passed));
  }
  const { home, name: login, shell, uid } = account;
  const identity = [
    ['PATH', pathFor(uid)],
    ['HOME', home],
    ['USER', login],
    ['LOGNAME', login],
    ['SHELL', shell],
  ] as const;
  for (const [name, value] of identity) {
    if (env.has(name) && callersCounts(request, named, name)) continue;
    if (value === undefined) env.delete(name);
    else env.set(name, Buffer.from(`${name}=${value}`));
  }
  // not into the map: each name comes once, and there may be thousands
  const own = sockets.length === 0 ? [] : activationEntries(sockets, programPid);
  for (const [name, value] of request.env) {
    const bytes = byteName(name);
    env.delete(bytes);
    if (value === undefined || (sockets.length > 0 && activation.has(bytes))) continue;
    own.push(typeof value === 'string' ? Buffer.from(`${name}=${value}`) : toEntry(bytes, value));
  }
  return [...env.values(), ...own];
}

/** How a compiled launcher makes the program's environment from its own (native/compiled/environment.cc). */
export interface EnvironmentRules {
  /** Beginnings of entries that pass, or that do not: `TERM=`, or `LD_` for every name with this beginning. */
  readonly beginnings: readonly Buffer[];
  /** True: all entries pass but these. False: only these pass. */
  readonly keepsOthers: boolean;
  /** Entries that every program gets. */
  readonly entries: readonly Buffer[];
  /** Entries that are added if no entry of the same name has passed. */
  readonly fallbacks: readonly Buffer[];
  /** Beginnings of entries that name directories of the host; `jail` is the jail's path on the host. */
  readonly directories: readonly Buffer[];
  readonly jail: Buffer;
}

const nameOf = (entry: Buffer): string => entry.toString('latin1', 0, entry.indexOf(0x3d));

const whole = (names: Iterable<string>): readonly string[] => [...names].map((name) => `${name}=`);

/** Rules with the same result as `buildEnvironment` in place, for any caller. */
export function environmentRules(input: Pick<EnvironmentInput, 'request' | 'account'>): EnvironmentRules {
  const { request, account } = input;
  const names = new Set(request.env.map(([name]) => byteName(name)));
  const built = buildEnvironment({ ...input, caller: { environment: [], inPlace: true, pid: 0 } });
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
