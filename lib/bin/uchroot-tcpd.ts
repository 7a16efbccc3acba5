// The command uchroot-tcpd: argv → call → exit status.
import { runProgram } from './dispatch.ts';
import { commands, usage } from './tcpd-commands.ts';

void runProgram({
  name: 'uchroot-tcpd',
  commands,
  usageLine: `Usage: uchroot-tcpd ${Object.keys(commands).join('|')} ...`,
  usage,
  start: (run) => run(undefined),
});
