// The command uchroot-inetd.
import { runProgram } from './dispatch.ts';
import { foreignInetdCommands, foreignInetdOptions } from './foreign-inetd-words.ts';
import { commandLine } from '../shell-word.ts';
import { inetdCommands } from './inetd-commands.ts';
import { serve } from './inetd-serve.ts';

void runProgram({
  name: 'uchroot-inetd',
  commands: inetdCommands,
  foreign: { commands: foreignInetdCommands, options: foreignInetdOptions },
  byDefault: serve,
  meant: (word) => (/[/.]/.test(word) ? commandLine('uchroot-inetd', '--config', word) : undefined),
  usageLine: `Usage: uchroot-inetd ${serve.synopsis}`,
  about: 'A super-server: TCP wrappers, limits and a jail for each connection.',
  start: (run) => run(undefined),
});
