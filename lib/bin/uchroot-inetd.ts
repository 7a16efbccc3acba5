// The command uchroot-inetd.
import { runProgram } from './dispatch.ts';
import { keyedOptions } from '../inetd/serve-options.ts';
import { activatedSockets } from '../inetd/listen/listening-socket.ts';
import { foreignInetdCommands, foreignInetdOptions } from './mistakes/foreign-inetd-words.ts';
import { inetdCommands } from './inetd/inetd-commands.ts';
import { serve } from './inetd/inetd-serve.ts';

void runProgram({
  name: 'uchroot-inetd',
  commands: inetdCommands,
  keyed: keyedOptions,
  foreign: { commands: foreignInetdCommands, options: foreignInetdOptions },
  byDefault: serve,
  // they are listened on without --listen
  hasBareDefault: () => activatedSockets(process.env, process.pid).length > 0,
  usageLine: `Usage: uchroot-inetd ${serve.synopsis}`,
  about: 'A super-server: TCP wrappers, limits and a jail for each connection.',
  start: (run) => run(undefined),
});
