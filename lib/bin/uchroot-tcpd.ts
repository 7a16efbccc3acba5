// The command uchroot-tcpd.
import { exitStatuses } from '../errors.ts';
import { isConnection, openLog } from '../service/tcpd/tcpd-log.ts';
import { commandArguments } from './arguments.ts';
import { runProgram } from './dispatch.ts';
import { usualOptions } from './mistakes/foreign-options.ts';
import { tcpdCommands } from './tcpd/tcpd-commands.ts';
import { fileOptions, foreignCommands, foreignTcpdOptions } from './tcpd/tcpd-options.ts';
import { calledAs, runAs } from './tcpd/tcpd-run.ts';
import { keyedOptions } from './uchroot-options.ts';

// inetd(8) makes the connection descriptor 2. The client must not get our messages.
const tell = isConnection(2) ? openLog('uchroot-tcpd').error : undefined;
if (tell !== undefined)
  process.on('uncaughtException', (error) => {
    tell(error.stack ?? error.message);
    process.exit(exitStatuses.failed);
  });

const daemon = calledAs();
if (daemon !== undefined)
  void runAs(daemon, commandArguments()).then((status) => (process.exitCode = status));
else
  void runProgram({
    name: 'uchroot-tcpd',
    commands: tcpdCommands,
    keyed: keyedOptions,
    foreign: { commands: foreignCommands, options: { ...usualOptions, ...foreignTcpdOptions } },
    usageLine: `Usage: uchroot-tcpd ${Object.keys(tcpdCommands).join('|')} ...`,
    about: 'TCP wrappers: who may connect, by hosts.allow and hosts.deny.',
    options: fileOptions,
    start: (run) => run(undefined),
    ...(tell !== undefined && { tell }),
  });
