// uchroot --help: the options that people use first, by what they want to do; --help=all: all of them; --help=untrusted.
import { oneOf } from '../values/validators.ts';
import { optionGroups } from '../launch/request/launch-option.ts';
import { partsOf } from '../launch/request/untrusted.ts';
import { optionLines } from './common-options.ts';
import { commandOptions, usageLine, type CommandOption } from './uchroot-options.ts';

const first = {
  'A program in a jail': 'chdir setenv pass-env pty check',
  'Code that you do not trust': 'untrusted memory pids cpu time',
  'What it sees': 'isolate rootless read-only ephemeral bind ro-bind tmpfs net',
  'A program that starts at boot': 'unit compile',
  'Before you rely on it': 'plan doctor',
  More: 'help version',
} as const;

const intro = `${usageLine}
       uchroot [options] USER[:GROUP] DIRECTORY [PROGRAM [ARGUMENT]...]

Starts PROGRAM in the jail DIRECTORY with the privileges of USER, in place of itself. USER and GROUP are names or
numbers of the host; +N is always a number; USER auto is an id that nobody else has. Without PROGRAM the user's shell
is started, or /bin/sh. uchroot-jail build DIRECTORY PROGRAM makes a jail.
`;

const statuses = `
Exit status: 1 usage, 2 unknown user, 3 not root, 124 --time, 125 the launch failed, 126 PROGRAM cannot be executed,
127 PROGRAM or what it needs was not found; else PROGRAM's own. With --service-status: 250 the launch failed, and
another try would fail too, 251 another try may succeed; else PROGRAM's own.
`;

function groupsOf(groups: readonly (readonly [title: string, options: readonly CommandOption[]])[]): string {
  return groups.map(([title, options]) => `${title}\n${optionLines(options)}`).join('');
}

const helpOf = (name: string): string => commandOptions().find((one) => one.name === name)?.help ?? '';

function untrustedHelp(): string {
  const lines = partsOf('root')
    .flatMap(({ option }) => (option === undefined ? [] : [option]))
    .map((option) => `  ${option.padEnd(30)}${helpOf(/^--([a-z-]+)/.exec(option)?.[1] ?? '')}\n`);
  return `--untrusted stands for these options. Write one of them with another value, and that holds; mounts and resource limits
of other names add to these. --ephemeral takes the place of --read-only, and --pty that of --new-session.
--plan shows the result.

${lines.join('')}
It is refused where one of them cannot hold, with the reason and the remedy. Landlock alone may be missing: --plan tells it.
--untrusted=rootless has --rootless in place of --isolate. In the library, untrusted: true is user: 'auto' and share: 'none' too.
`;
}

/** The help that is asked for. @throws UsageError for a word that is none of them */
export function usage(word = ''): string {
  const kind = word === '' ? '' : oneOf(['all', 'untrusted'])(word as 'all', '--help');
  if (kind === 'untrusted') return untrustedHelp();
  const options = commandOptions();
  if (kind === 'all')
    return `${intro}
${groupsOf(optionGroups.map((group) => [group, options.filter((option) => option.group === group)]))}${statuses}`;
  const jobs = Object.entries(first).map(
    ([job, names]) => [job, options.filter(({ name }) => names.split(' ').includes(name))] as const,
  );
  return `${intro}
${groupsOf(jobs)}${statuses}`;
}
