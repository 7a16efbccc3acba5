// uchroot --help.
import { optionGroups } from '../launch/request/launch-option.ts';
import { optionLines } from './common-options.ts';
import { commandOptions, usageLine } from './uchroot-options.ts';

export function usage(): string {
  const options = commandOptions();
  const groups = optionGroups.map(
    (group) => `${group}\n${optionLines(options.filter((option) => option.group === group))}`,
  );
  return `${usageLine}
       uchroot [options] USER[:GROUP] DIRECTORY [PROGRAM [ARGUMENT]...]

Starts PROGRAM in the jail DIRECTORY with the privileges of USER, in place of itself. USER and GROUP are names or
numbers of the host; +N is always a number; USER auto is an id that nobody else has. Without PROGRAM the user's shell is started, or /bin/sh.

${groups.join('')}
Exit status: 1 usage, 2 unknown user, 3 not root, 125 the launch failed, 126 PROGRAM cannot be executed,
127 PROGRAM or what it needs was not found; else PROGRAM's own. With --service-status: 250 the launch failed, and
another try would fail too, 251 another try may succeed; else PROGRAM's own.
`;
}
