// The option table: one row for each key of a launch request, with its options of the command. The types of the request and
// of its normal form, the list of keys, the options of each command and --help are made from these rows. A test compares
// the tables of the manual with them.
import { option, type Argument, type Option } from '../../option.ts';
import type { Bytes } from '../../quote.ts';
import * as text from './command-text.ts';
import * as to from './value.ts';

/** The parts of --help, which are sections of doc/uchroot.md too, in their order. */
export const optionGroups = [
  'Identity',
  'Process',
  'Jail',
  'Reports',
  'Init units',
  'Compiled launchers',
] as const;

/** An option of uchroot. */
export interface LaunchOption extends Option {
  readonly group: (typeof optionGroups)[number];
  /** The value of its key, from a word of the command line and the value so far. @throws UsageError */
  readonly parse: (word: Argument, before: never) => unknown;
  /** Why --unit refuses it. */
  readonly notInUnit?: string;
}

export interface Row {
  /** Type and default, as doc/library.md has them. */
  readonly type: string;
  readonly default: string;
  /** The steps before execve depend on it. */
  readonly setUp?: true;
  /** Checks what the caller gave, and makes it our own. @throws UsageError */
  readonly normal: (value: never, key: string, others: Values) => unknown;
  /** Its options of the command. A function, since a command line without options needs none of them. */
  readonly options?: () => readonly LaunchOption[];
}

/** What the caller gave for all keys. */
export type Values = Readonly<Record<string, unknown>>;

const bytes = (word: Argument): Buffer => word.bytes;

// A key that is true or false, and the option that makes it true.
function onOff(group: LaunchOption['group'], spelling: string, help: string) {
  const options = () => [option(spelling, help, { group, parse: () => true })];
  return { type: 'boolean', default: 'false', normal: to.flag, options };
}

const noDescriptors = 'an init system opens no descriptors for a program but those of --listen';

type Env = Record<string, Bytes | undefined>;

// Without a prototype: a variable may be called __proto__.
function setVariable(env: Env | undefined, name: string, value: Buffer | undefined): Env {
  const variables = env ?? (Object.create(null) as Env);
  variables[name] = value;
  return variables;
}

/** By key of the request, in the order of the manual. */
export const optionTable = {
  /** NAME, NAME:GROUP, UID or UID:GID on the host. A name is tried first; `+N` is always a number. */
  user: {
    type: 'string, number',
    default: 'required',
    normal: (value: string | number, _: string, { group }: Values) => to.toUserAndGroup(value, group).user,
  },
  /** Absolute path of the jail's directory on the host. */
  jail: { type: 'Bytes', default: 'required', setUp: true, normal: to.toJail },
  /** Group instead of the user's own, by name or gid; not together with `:GROUP`. */
  group: {
    type: 'string, number',
    default: "the user's own",
    normal: (value: string | number | undefined, _: string, { user }: Values) =>
      to.toUserAndGroup(user, value).group,
  },
  /** Supplementary groups instead of the user's own, by name or gid. */
  groups: {
    type: 'array of string, number',
    default: "the user's own",
    normal: (value: readonly (string | number)[] | undefined, _: string, { clearGroups }: Values) =>
      to.toGroups(value, clearGroups),
    options: () => [
      option('--groups G1,G2...', "supplementary groups instead of the user's own", {
        group: 'Identity',
        parse: ({ text }: Argument) => (text === '' ? [] : text.split(',')),
      }),
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
      option('--cap NAME', 'keep this capability, such as net_bind_service; may be repeated', {
        group: 'Identity',
        parse: ({ text }: Argument, before: readonly string[] = []) => [...before, ...text.split(',')],
      }),
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
      option('--argv0 NAME', 'argv[0] of the program (default: PROGRAM as given)', {
        group: 'Process',
        parse: bytes,
      }),
    ],
  },
  /** Working directory in the jail, by default `/`. */
  cwd: {
    type: 'Bytes',
    default: '`/`',
    setUp: true,
    normal: to.toDirectory,
    options: () => [
      option('--chdir DIR', 'working directory in the jail (default /)', { group: 'Process', parse: bytes }),
    ],
  },
  /** Variables to set, over the defaults; `undefined` leaves one out. */
  env: {
    type: 'object of Bytes or undefined',
    default: '`{}`',
    normal: to.toEnv,
    options: () => [
      option('--setenv NAME=VALUE', 'set a variable; may be repeated', {
        group: 'Process',
        parse: (word: Argument, before?: Env) => setVariable(before, ...text.parseVariable(word)),
      }),
      option('--unsetenv NAME', 'leave a variable out; may be repeated', {
        group: 'Process',
        parse: ({ bytes }: Argument, before?: Env) =>
          setVariable(before, text.parseVariableName(bytes, '--unsetenv'), undefined),
      }),
    ],
  },
  /** Names of the caller's variables that pass as well; not together with keepEnv. */
  passEnv: {
    type: 'array of strings',
    default: '`[]`',
    normal: (value: readonly string[] | undefined, _: string, { keepEnv }: Values) =>
      to.toPassEnv(value, keepEnv),
    options: () => [
      option('--pass-env NAME,NAME...', "variables of the caller's that pass; may be repeated", {
        group: 'Process',
        parse: ({ bytes }: Argument, before: readonly string[] = []) => [
          ...before,
          ...text.parseVariableName(bytes, '--pass-env').split(','),
        ],
      }),
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
      option('--preserve-fds N,M-P...', 'descriptors above 2 that the program gets; may be repeated', {
        group: 'Process',
        notInUnit: noDescriptors,
        parse: (word: Argument, before: readonly number[] = []) => [
          ...before,
          ...text.parseDescriptors(word.text),
        ],
      }),
    ],
  },
  /** Resource limits, by name in lower case: `{nofile: 4096}`. */
  rlimits: {
    type: 'object of number or `{soft, hard?}`',
    default: '`{}`',
    setUp: true,
    normal: to.toLimits,
    options: () => [
      option(
        '--rlimit NAME=SOFT[:HARD]',
        'resource limit, such as nofile=4096; one number sets both; may be repeated',
        {
          group: 'Process',
          parse: (word: Argument, before?: object) => {
            const [name, limit] = text.parseRlimit(word.text);
            return { ...before, [name]: limit };
          },
        },
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
      option('--umask MODE', "octal (default: the caller's with at least 022)", {
        group: 'Process',
        parse: (word: Argument) => text.parseUmask(word.text),
      }),
    ],
  },
  /** Start in a session of its own, without a terminal. */
  newSession: {
    ...onOff('Process', '--new-session', 'a session of its own, without a terminal'),
    setUp: true,
  },
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
      option('--status-fd N', 'write {"event":"started"|"failed"…} lines to descriptor N', {
        group: 'Reports',
        notInUnit: noDescriptors,
        parse: (word: Argument) => text.parseNumber(word.text, '--status-fd'),
      }),
    ],
  },
  /** Path on the host to which the program's pid is written. */
  pidFile: {
    type: 'string',
    default: '–',
    normal: to.toPidFile,
    options: () => [
      option('--pid-file FILE', 'write the pid to FILE on the host', {
        group: 'Reports',
        parse: ({ text }: Argument) => text,
      }),
    ],
  },
  /** Look for missing interpreters and shared libraries before the launch. */
  checkProgram: { type: 'boolean', default: 'false', normal: to.flag },
} as const satisfies Readonly<Record<string, Row>>;
