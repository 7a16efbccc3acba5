// Rows of the option table about the program's process: its rights, its name, directory, environment, descriptors and limits.
import { optional } from '../../values/validators.ts';
import * as text from './launch-option.ts';
import { launchOption } from './launch-option.ts';
import { toReportDenials } from './filter-value.ts';
import { toWorkspacePath } from './isolation-value.ts';
import { onOff, type Values } from './option-row.ts';
import * as to from './value.ts';
import type { Bytes } from '../../words/quote.ts';

// Why a unit takes no descriptors.
const noDescriptors = {
  notInUnit: 'an init system opens no descriptors for a program but those of --listen',
};

/** What the program may do beyond an ordinary user, and where it may be. */
export const rightRows = {
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
  allowRoot: { ...onOff('Identity', '--allow-root', 'allow uid 0 or gid 0'), setUp: true },
  /** Let set-user-ID programs and file capabilities work in the jail. */
  allowNewPrivs: {
    ...onOff('Identity', '--allow-new-privs', 'let set-user-ID programs work in the jail'),
    setUp: true,
  },
  /** Accept a jail that the user could replace, and a bind that leads out of the jail. */
  insecurePath: {
    ...onOff(
      'Jail',
      '--insecure-path',
      'accept a jail that the user could replace, and a bind that leads out',
    ),
    setUp: true,
  },
} as const;

export const processRows = {
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
        text.parseBytes,
      ),
    ],
  },
  /** Working directory in the jail, by default `/`. */
  cwd: {
    type: 'Bytes',
    default: '`/`',
    setUp: true,
    from: ['workspace'],
    normal: (value: Bytes | undefined, key: string, { workspace }: Values) =>
      value === undefined && workspace !== undefined
        ? (toWorkspacePath(workspace as Bytes, key) as Buffer)
        : to.toDirectory(value, key),
    options: () => [
      launchOption('Process', '--chdir DIR', 'working directory in the jail (default /)', text.parseBytes),
    ],
  },
  /** Variables to set, over the defaults; `undefined` leaves one out. */
  env: {
    type: 'object of Bytes or undefined',
    default: '`{}`',
    from: ['deterministic', 'passEnv'],
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
    normal: to.toPassEnv,
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
        text.addNumbers,
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
  /** umask, 0 to 0o777, or the same as octal text; by default the caller's with at least 0o022. */
  umask: {
    type: "number, 0 to 0o777, or octal text: `'022'`",
    default: "this process's with at least 0o022",
    setUp: true,
    normal: to.toUmask,
    options: () => [
      launchOption(
        'Process',
        '--umask MODE',
        "octal (default: the caller's with at least 022)",
        text.parseText,
      ),
    ],
  },
} as const;

/** How the program is tied to the process that starts it, and what is told of it. */
export const reportRows = {
  /** Kill the program when the starting process ends. */
  dieWithParent: {
    ...onOff('Process', '--die-with-parent', 'SIGKILL when the starting process ends'),
    setUp: true,
  },
  /** Descriptor to which one JSON object a line is written: started, failed, exited. */
  statusFd: {
    type: 'number',
    default: '–',
    normal: optional(to.descriptor()),
    options: () => [
      launchOption(
        'Reports',
        '--status-fd N',
        'write {"event":"started"|"failed"…} lines to descriptor N',
        text.parseNumeric,
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
      launchOption('Reports', '--pid-file FILE', 'write the pid to FILE on the host', text.parseText),
    ],
  },
  /** Path on the host of a file for the account of the end, as JSON; `-` for a line on standard error. In place only: run() returns it. */
  resultFile: {
    type: 'string',
    default: '–',
    setUp: true,
    normal: to.toResultFile,
    options: () => [
      launchOption(
        'Reports',
        '--result FILE',
        'write to FILE what ended the program and what it used, as JSON; -: a line on stderr',
        text.parseText,
        {
          notInUnit: 'systemd tells how a service has ended: systemctl show NAME',
          notCompiled: { because: 'a compiled launcher does not wait', hint: 'start it by uchroot itself' },
        },
      ),
    ],
  },
  /** Report what the program was denied: files that it did not find or may not use, refused calls, too many files. */
  reportDenials: {
    ...onOff(
      'Reports',
      '--report-denials',
      'tell what the program did not find or may not use, and what grants it',
      {
        notInUnit: 'give it to uchroot while you try the jail out',
        notCompiled: {
          because: 'a compiled launcher has no process that stays to look',
          hint: 'start it by uchroot itself',
        },
      },
    ),
    setUp: true,
    normal: toReportDenials,
  },
} as const;
