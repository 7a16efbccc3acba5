// The command uchroot-inetd.
import { runProgram } from './dispatch.ts';
import { serve } from './inetd-serve.ts';

const commands = {};

void runProgram({
  name: 'uchroot-inetd',
  commands,
  byDefault: serve,
  usageLine: `Usage: uchroot-inetd ${serve.synopsis}`,
  about: 'A super-server: TCP wrappers, limits and a jail for each connection.',
  start: (run) => run(undefined),
});
