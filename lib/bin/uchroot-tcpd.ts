// The command uchroot-tcpd: argv → call → exit status.
import { isConnection, openLog } from '../service/tcpd/log.ts';
import { commandArguments } from './arguments.ts';
import { runProgram } from './dispatch.ts';
import { commands, usage } from './tcpd-commands.ts';
import { calledAs, runAs } from './tcpd-run.ts';

// What is said here is not for a client, who has descriptor 2 if inetd(8) has started this.
const tell = isConnection(2) ? openLog('uchroot-tcpd').error : undefined;
if (tell !== undefined)
  process.on('uncaughtException', (error) => {
    tell(error.stack ?? error.message);
    process.exit(125);
  });

const daemon = calledAs();
if (daemon !== undefined)
  void runAs(daemon, commandArguments()).then((status) => (process.exitCode = status));
else
  void runProgram({
    name: 'uchroot-tcpd',
    commands,
    usageLine: `Usage: uchroot-tcpd ${Object.keys(commands).join('|')} ...`,
    usage,
    start: (run) => run(undefined),
    ...(tell !== undefined && { tell }),
  });
