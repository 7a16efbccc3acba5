// The command uchroot-inetd.
import { runProgram } from './dispatch.ts';
import { foreignInetdCommands, foreignInetdOptions } from './foreign-inetd-words.ts';
import { check, importFiles, schema } from './inetd-config.ts';
import { serve } from './inetd-serve.ts';
import { status } from './inetd-status.ts';

void runProgram({
  name: 'uchroot-inetd',
  commands: { status, check, import: importFiles, schema },
  foreign: { commands: foreignInetdCommands, options: foreignInetdOptions },
  byDefault: serve,
  usageLine: `Usage: uchroot-inetd ${serve.synopsis}`,
  about: 'A super-server: TCP wrappers, limits and a jail for each connection.',
  start: (run) => run(undefined),
});
