// The completions for all commands, as a table for the scripts of the shells. A line is one of
//   KEY|--OPTION|SOURCE|HELP   an option; SOURCE is empty if it takes no value
//   KEY|!COMMAND|SUMMARY       a command of a program
//   KEY|+|SOURCE...            operands; a last one with ... may be repeated
//   KEY|<|KEY                  the options of another key too
//   KEY|.                      the first operand ends the options
// KEY is a program, a program and its command, or `launch`. SOURCE is a kind of value, and words that are possible as well.
import type { Option } from '../../values/command-option.ts';
import { rules } from '../../jail/check/rules.ts';
import { packs } from '../../jail/packs/index.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { namespaceFlags } from '../../launch/request/isolation-value.ts';
import { rlimitNames } from '../../launch/request/rlimits.ts';
import { callGroups } from '../../launch/seccomp/default-policy.ts';
import { allowGroups } from '../../launch/seccomp/filter.ts';
import { formats } from '../../service/unit/service-unit.ts';
import { listRules } from '../../tcpwrappers/check/catalog.ts';
import { type Command, help, version } from '../dispatch.ts';
import { inetdCommands } from '../inetd/inetd-commands.ts';
import { serve } from '../inetd/inetd-serve.ts';
import { commands as jailCommands } from '../jail/jail-commands.ts';
import { serviceCommands } from '../service-commands.ts';
import { tcpdCommands } from '../tcpd/tcpd-commands.ts';
import { fileOptions } from '../tcpd/tcpd-options.ts';
import { commandOptions, launchOptions } from '../uchroot-options.ts';

// `-` has only its words, `list` takes several with commas, and `assign` goes on behind an equals sign.
type Kind =
  | '-'
  | 'list'
  | 'assign'
  | 'file'
  | 'directory'
  | 'user'
  | 'owner' // USER or USER:GROUP
  | 'group' // several with commas
  | 'variable'
  | 'package'
  | 'program' // of the host
  | 'jail1' // a path in the jail that is the first operand
  | 'jail2' // in that of the second one
  | 'unit'
  | 'adopted'; // a service of uchroot-service

const source = (kind: Kind, words: Iterable<string> = []): string => [kind, ...words].join(' ');

const packNames = packs.map(({ name }) => name);
const calls = [...allowGroups, ...Object.values(callGroups).flatMap((names) => names.split(' '))];

// By option and metavar.
const values: Readonly<Record<string, string>> = {
  '--groups G1,G2...': source('group'),
  '--cap NAME': source('list', capabilityNames),
  '--unsetenv NAME': source('variable'),
  '--pass-env NAME,NAME...': source('variable'),
  '--rlimit NAME=SOFT[:HARD]': source('assign', rlimitNames),
  '--unshare KIND,KIND...': source('list', Object.keys(namespaceFlags)),
  '--allow NAME': source('list', new Set(calls)),
  '--seccomp FILE|default|log|log:FILE': source('file', ['default', 'log']),
  '--unit FORMAT': source('-', formats),
  '--reload-signal SIGNAL': source('-', ['HUP', 'USR1', 'USR2', 'WINCH']),
  '--architecture ARCH': source('-', ['x64', 'arm64']),
  '--jail USER[:GROUP]:DIRECTORY': source('owner'),
  '--package NAME': source('package'),
  '--pack NAME': source('-', packNames),
  '--no-pack NAME': source('-', packNames),
  '--user NAME': source('user'),
  '--keep PATH': source('jail1'),
  '--replace PATH': source('jail1'),
  '--without PATH': source('jail1'),
  '--keep-privileges PATH': source('jail1'),
  '--landlock-ro PATH': '-',
  '--landlock-rw PATH': '-',
  '--chdir DIR': '-',
  '--ignore RULE[:PATH]': source(
    '-',
    rules.map(({ id }) => id),
  ),
  '--explain RULE': source('-', ['all', ...rules.map(({ id }) => id)]),
  '--ignore RULE': source(
    '-',
    listRules().map(({ id }) => id),
  ),
  '--listen ADDRESS': source('-', ['systemd']),
  '--dev DEST': source('-', ['/dev']),
  '--proc DEST': source('-', ['/proc']),
  '--tmpfs DEST[:OPTIONS]': source('-', ['/tmp']),
};

// By metavar alone.
const usual: Readonly<Record<string, Kind>> = {
  FILE: 'file',
  PATH: 'file',
  'PATH[:DEST]': 'file',
  'SRC[:DEST]': 'file',
  DIR: 'directory',
  ROOT: 'directory',
};

/** Where the value of an option comes from. */
function sourceOf({ name, metavar }: Option): string {
  if (metavar === undefined) return '';
  const given = values[`--${name} ${metavar}`] ?? usual[metavar];
  // as in `text|json`
  return given ?? (/^[a-z|]+$/.test(metavar) ? source('-', metavar.split('|')) : '-');
}

const rows = (key: string, options: readonly Option[]): readonly string[] =>
  options.map((option) => `${key}|--${option.name}|${sourceOf(option)}|${option.help}`);

const operands: Readonly<Record<string, string>> = {
  uchroot: 'owner directory jail2...',
  'uchroot-inetd': 'owner directory jail2...',
  'uchroot-inetd check': 'file...',
  'uchroot-inetd import': 'file...',
  'uchroot-jail build': 'directory program...',
  'uchroot-jail update': 'directory',
  'uchroot-jail list': 'directory',
  'uchroot-jail clone': 'directory directory',
  'uchroot-jail export': 'directory file',
  'uchroot-jail sbom': 'file',
  'uchroot-jail diff': 'file file',
  'uchroot-jail advisories': 'file file',
  'uchroot-jail check': 'directory',
  'uchroot-jail explain': 'directory jail1',
  'uchroot-jail remove': 'directory',
  'uchroot-jail changes': 'directory file...',
  'uchroot-jail commit': 'directory file...',
  'uchroot-jail discard': 'directory file...',
  'uchroot-service adopt': 'unit',
  'uchroot-service apply': 'unit...',
  'uchroot-service update': 'adopted',
  'uchroot-service reload': 'adopted',
  'uchroot-service status': 'adopted',
  'uchroot-service release': 'adopted',
  'uchroot-tcpd run': 'program file...',
};

type AnyCommand = Pick<Command<never>, 'summary' | 'options' | 'unlisted' | 'startsProgram'>;

const namesOf = (options: readonly Option[] = []): ReadonlySet<string> =>
  new Set(options.map(({ name }) => name));

// The options of a launch that all programs with such options have. The table has them once.
const ofLaunch = [serve, tcpdCommands.run].reduce(
  (common, command) => common.filter(({ name }) => namesOf(command?.unlisted).has(name)),
  launchOptions(),
);
const isOfLaunch = namesOf(ofLaunch);

function commandRows(key: string, command: AnyCommand, shared: readonly Option[]): readonly string[] {
  const { options, unlisted = [], startsProgram } = command;
  const others = unlisted.filter(({ name }) => !isOfLaunch.has(name));
  return [
    ...rows(key, [...options, ...others, ...shared]),
    ...(unlisted.length > 0 ? [`${key}|<|launch`] : []),
    ...(startsProgram === true ? [`${key}|.`] : []),
    ...(operands[key] === undefined ? [] : [`${key}|+|${operands[key]}`]),
  ];
}

function programRows(
  name: string,
  commands: Readonly<Record<string, AnyCommand>>,
  shared: readonly Option[] = [],
): readonly string[] {
  const all = Object.entries(commands);
  return [
    ...rows(name, [help, version]),
    ...all.map(([word, { summary }]) => `${name}|!${word}|${summary}`),
    ...all.flatMap(([word, command]) => commandRows(`${name} ${word}`, command, [...shared, help])),
  ];
}

const uchroot: AnyCommand = {
  summary: '',
  options: commandOptions().filter(({ name }) => !namesOf(launchOptions()).has(name)),
  unlisted: launchOptions(),
  startsProgram: true,
};

/** The lines of the table. */
export function completionTable(): readonly string[] {
  return [
    ...rows('launch', ofLaunch),
    ...commandRows('uchroot', uchroot, []),
    ...programRows('uchroot-inetd', inetdCommands),
    ...commandRows('uchroot-inetd', serve, []),
    ...programRows('uchroot-jail', jailCommands),
    ...programRows('uchroot-service', serviceCommands),
    ...programRows('uchroot-tcpd', tcpdCommands, fileOptions),
  ];
}
