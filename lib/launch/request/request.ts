// The option table: one row for each key of a launch request, with its options of the command. The types of the request and
// of its normal form, the list of keys, the options of each command and --help are made from these rows. A test compares
// the tables of the manual with them.
import { checkKeys, isPlain, reading } from '../../keys.ts';
import { foreignKeys } from './foreign-keys.ts';
import { isolationRows } from './isolation-rows.ts';
import * as text from './launch-option.ts';
import { launchOption } from './launch-option.ts';
import { limitKeyRows } from './limit-rows.ts';
import { onOff, type GivenOf, type NormalOf, type Row, type Rows, type Values } from './option-row.ts';
import { terminalRows } from './terminal-rows.ts';
import * as to from './value.ts';

const noDescriptors = {
  notInUnit: 'an init system opens no descriptors for a program but those of --listen',
};

/** By key of the request, in the order of the manual. */
const table = {
  /** NAME, NAME:GROUP, UID or UID:GID on the host. A name is tried first; `+N` is always a number. */
  user: {
    type: 'string, number',
    default: 'required',
    always: true,
    normal: (value: string | number, _: string, { group }: Values) => to.toUserAndGroup(value, group).user,
  },
  /** Absolute path of the jail's directory on the host. */
  jail: { type: 'Bytes', default: 'required', always: true, setUp: true, normal: to.toJail },
  /** Group instead of the user's own, by name or gid; not together with `:GROUP`. */
  group: {
    type: 'string, number',
    default: "the user's own",
    always: true,
    normal: (value: string | number | undefined, _: string, { user }: Values) =>
      to.toUserAndGroup(user, value).group,
  },
  /** Supplementary groups instead of the user's own, by name or gid. */
  groups: {
    type: 'array of string, number',
    default: "the user's own",
    always: true,
    normal: (value: readonly (string | number)[] | undefined, _: string, { clearGroups }: Values) =>
      to.toGroups(value, clearGroups),
    options: () => [
      launchOption(
        'Identity',
        '--groups G1,G2...',
        "supplementary groups instead of the user's own",
        ({ text }) => (text === '' ? [] : text.split(',')),
      ),
    ],
  },
  /** No supplementary groups. */
  clearGroups: onOff('Identity', '--clear-groups', 'no supplementary groups'),
  /** Capabilities that the program keeps, such as `net_bind_service`. */
  caps: {
    type: 'array of strings',
    default: '`[]`',
    setUp: true,
    normal: to.toCapabilities,
    options: () => [
      launchOption(
        'Identity',
        '--cap NAME',
        'keep this capability, such as net_bind_service; may be repeated',
        text.addNames,
      ),
    ],
  },
  /** Allow uid 0 or gid 0. */
  allowRoot: onOff('Identity', '--allow-root', 'allow uid 0 or gid 0'),
  /** Let set-user-ID programs and file capabilities work in the jail. */
  allowNewPrivs: {
    ...onOff('Identity', '--allow-new-privs', 'let set-user-ID programs work in the jail'),
    setUp: true,
  },
  /** Accept a jail that the user could replace. */
  insecurePath: onOff('Jail', '--insecure-path', 'accept a jail that the user could replace'),
  ...isolationRows,
  /** Path in the jail; without it the user's shell if the jail has it, else /bin/sh. */
  program: {
    type: 'Bytes',
    default: "the user's shell if the jail has it, else `/bin/sh`, with `-i`",
    normal: to.toProgram,
  },
  /** Arguments after the program's name. */
  args: { type: 'array of Bytes', default: '`[]`', normal: to.toArguments },
  /** argv[0], by default the program as given. */
  argv0: {
    type: 'Bytes',
    default: '`program`',
    normal: to.toBytes,
    options: () => [
      launchOption(
        'Process',
        '--argv0 NAME',
        'argv[0] of the program (default: PROGRAM as given)',
        ({ bytes }) => bytes,
      ),
    ],
  },
  /** Working directory in the jail, by default `/`. */
  cwd: {
    type: 'Bytes',
    default: '`/`',
    setUp: true,
    normal: to.toDirectory,
    options: () => [
      launchOption(
        'Process',
        '--chdir DIR',
        'working directory in the jail (default /)',
        ({ bytes }) => bytes,
      ),
    ],
  },
  /** Variables to set, over the defaults; `undefined` leaves one out. */
  env: {
    type: 'object of Bytes or undefined',
    default: '`{}`',
    normal: to.toEnv,
    options: () => [
      launchOption('Process', '--setenv NAME=VALUE', 'set a variable; may be repeated', text.setEnv),
      launchOption('Process', '--unsetenv NAME', 'leave a variable out; may be repeated', text.unsetEnv),
    ],
  },
  /** Names of the caller's variables that pass as well; not together with keepEnv. */
  passEnv: {
    type: 'array of strings',
    default: '`[]`',
    normal: (value: readonly string[] | undefined, _: string, { keepEnv }: Values) =>
      to.toPassEnv(value, keepEnv),
    options: () => [
      launchOption(
        'Process',
        '--pass-env NAME,NAME...',
        "variables of the caller's that pass; may be repeated",
        text.addPassEnv,
      ),
    ],
  },
  /** Start from the caller's environment, less the variables of loaders and interpreters. */
  keepEnv: onOff(
    'Process',
    '--keep-env',
    "keep the caller's environment, less loader and interpreter variables",
  ),
  /** Descriptors above 2 that the program gets, under the same number. */
  preserveFds: {
    type: 'array of numbers from 3 on',
    default: '`[]`',
    setUp: true,
    normal: to.toDescriptors,
    options: () => [
      launchOption(
        'Process',
        '--preserve-fds N,M-P...',
        'descriptors above 2 that the program gets; may be repeated',
        text.addDescriptors,
        noDescriptors,
      ),
    ],
  },
  /** Resource limits, by name in lower case: `{nofile: 4096}`. */
  rlimits: {
    type: 'object of number or `{soft, hard?}`',
    default: '`{}`',
    setUp: true,
    normal: to.toLimits,
    options: () => [
      launchOption(
        'Process',
        '--rlimit NAME=SOFT[:HARD]',
        'resource limit, such as nofile=4096; one number sets both; may be repeated',
        text.addRlimit,
      ),
    ],
  },
  /** umask, 0 to 0o777; by default the caller's with at least 0o022. */
  umask: {
    type: 'number, 0 to 0o777',
    default: "this process's with at least 0o022",
    setUp: true,
    normal: to.toUmask,
    options: () => [
      launchOption(
        'Process',
        '--umask MODE',
        "octal (default: the caller's with at least 022)",
        text.parseUmask,
      ),
    ],
  },
  ...limitKeyRows,
  ...terminalRows,
  /** Kill the program when the starting process ends. */
  dieWithParent: {
    ...onOff('Process', '--die-with-parent', 'SIGKILL when the starting process ends'),
    setUp: true,
  },
  /** Descriptor to which one JSON object a line is written: started, failed, exited. */
  statusFd: {
    type: 'number',
    default: '–',
    normal: to.toStatusFd,
    options: () => [
      launchOption(
        'Reports',
        '--status-fd N',
        'write {"event":"started"|"failed"…} lines to descriptor N',
        text.parseStatusFd,
        noDescriptors,
      ),
    ],
  },
  /** Path on the host to which the program's pid is written. */
  pidFile: {
    type: 'string',
    default: '–',
    normal: to.toPidFile,
    options: () => [
      launchOption('Reports', '--pid-file FILE', 'write the pid to FILE on the host', ({ text }) => text),
    ],
  },
  /** Look for missing interpreters and shared libraries before the launch. */
  checkProgram: { type: 'boolean', default: 'false', normal: to.flag },
} as const satisfies Rows;

type Table = typeof table;
type Given = GivenOf<Table>;

/** What to start, in which jail, as whom. Everything but `user` and `jail` has a default. */
export interface LaunchRequest extends Pick<Given, 'user' | 'jail'>, Partial<Omit<Given, 'user' | 'jail'>> {}

/** The normal form of a LaunchRequest. */
export type NormalRequest = NormalOf<Table>;

/** The keys on which the steps before execve depend. */
export type SetUpKey = {
  [Key in keyof Table]: Table[Key] extends { readonly setUp: true } ? Key : never;
}[keyof Table];

/** The rows of the table, by key. */
export const launchRows: Table = table;

/** Every key of a LaunchRequest. */
export const launchKeys: ReadonlySet<string> = new Set(Object.keys(table));

let setUp: readonly SetUpKey[] | undefined;

/** The keys on which the steps before execve depend. */
export function setUpKeys(): readonly SetUpKey[] {
  setUp ??= Object.entries<Row>(table).flatMap(([key, row]) => (row.setUp ? [key as SetUpKey] : []));
  return setUp;
}

/**
 * A function that makes the normal form of requests with the keys of a table. It throws a UsageError for unknown keys, wrong types,
 * NUL bytes, ids outside 0…2^32-2, relative jail paths.
 */
export function normalizer<Table extends Rows>(table: Table): (request: object) => NormalOf<Table> {
  const rows: Rows = table;
  const names = Object.keys(rows);
  const keys: ReadonlySet<string> = new Set(names);
  const always = names.filter((key) => rows[key]?.always);
  // The normal form where a key is not given. Nobody changes these values.
  const defaults = Object.fromEntries(
    Object.entries(rows).map(([key, row]) => [
      key,
      row.always ? undefined : row.normal(undefined as never, key, {}),
    ]),
  );
  return (request) =>
    reading(() => {
      checkKeys(request, keys, "{user: 'sam', jail: '/srv/jail', program: '/bin/ls'}", () => foreignKeys);
      // Each key is read once: a getter could answer with something else the second time.
      const given: Record<string, unknown> = {};
      const wanted = new Set(always);
      for (const key of isPlain(request) ? Object.keys(request) : names) {
        const value = (request as Values)[key];
        if (value === undefined) continue;
        given[key] = value;
        wanted.add(key);
      }
      const normal: Record<string, unknown> = { ...defaults };
      for (const key of names)
        if (wanted.has(key)) normal[key] = rows[key]?.normal(given[key] as never, key, given);
      return normal as NormalOf<Table>;
    });
}

let normalizeLaunch: ((request: LaunchRequest) => NormalRequest) | undefined;

/** The normal form of a request. @throws UsageError */
export function normalize(request: LaunchRequest): NormalRequest {
  normalizeLaunch ??= normalizer(table);
  return normalizeLaunch(request);
}
