// uchroot-tcpd run: makes a request from options and operands, or from the name by which it was called.

import { realpathSync } from 'node:fs';
import { basename } from 'node:path';

import { UsageError } from '../errors.ts';
import type { LaunchRequest } from '../launch/request/request.ts';
import { option, type Argument } from '../command-option.ts';
import { quote } from '../quote.ts';
import { openLog } from '../service/tcpd/tcpd-log.ts';
import { daemonNames, runTcpd, type TcpdRequest } from '../service/tcpd/tcpd.ts';
import type { GivenOption, ReadArguments } from './arguments.ts';
import { type Command, valueOf } from './dispatch.ts';
import { toHostsOptions } from './tcpd-options.ts';
import { launchOptions, toRequest } from './uchroot-options.ts';

const isOfLaunch = ([name]: GivenOption): boolean => launchOptions().some((option) => option.name === name);

export const run: Command<undefined> = {
  synopsis: 'run [OPTION]... [--jail USER[:GROUP]:DIRECTORY [OPTION of uchroot]...] DAEMON [ARGUMENT]...',
  summary:
    'decides on the client on descriptor 0, as tcpd(8), and becomes DAEMON; for inetd.conf and systemd',
  options: [
    option(
      '--jail USER[:GROUP]:DIRECTORY',
      'in a jail, as uchroot starts programs, with the options of uchroot for a launch',
    ),
  ],
  unlisted: launchOptions(),
  statuses: "0 refused, 125 to 127 as uchroot; else DAEMON's own.",
  operands: [1, Infinity],
  startsProgram: true,
  failureStatus: 125,
  run: async (read) => {
    const [daemon, ...args] = read.operands;
    const jail = valueOf(read, 'jail');
    return start({
      daemon: daemon?.bytes ?? Buffer.alloc(0),
      args: args.map(({ bytes }) => bytes),
      hosts: toHostsOptions(read),
      jail: jail === undefined ? withoutJail(read) : toJail(jail, read),
    });
  },
};

async function start(request: TcpdRequest): Promise<{ text: string; status: number }> {
  const log = openLog(daemonNames(request.daemon).name.toString('latin1'));
  return { text: '', status: await runTcpd(request, log) };
}

function withoutJail({ options }: ReadArguments): undefined {
  const option = options.find(isOfLaunch)?.[0];
  if (option !== undefined) throw new UsageError(`--${option} is for a jail: give --jail USER:DIRECTORY`);
}

function toArgument(bytes: Buffer): Argument {
  return { bytes, text: bytes.toString() };
}

// USER:DIRECTORY or USER:GROUP:DIRECTORY. DIRECTORY begins with a slash.
function toJail({ bytes, text }: Argument, { options }: ReadArguments): LaunchRequest {
  const cut = bytes.indexOf(':/');
  if (cut <= 0) throw new UsageError(`--jail ${quote(text)}: write USER:/DIRECTORY`);
  return toRequest(
    options.filter(isOfLaunch),
    [bytes.subarray(0, cut), bytes.subarray(cut + 1)].map(toArgument),
  );
}

const OWN_NAMES: ReadonlySet<string> = new Set(['uchroot-tcpd', 'uchroot-tcpd.cjs']);

/**
 * The daemon whose name the command was called by, like tcpd(8): argv[0] of Node, or a link with the daemon's name. undefined if
 * it was called as uchroot-tcpd.
 */
export function calledAs(): string | undefined {
  const interpreters = new Set(['node', 'nodejs', basename(process.execPath)]);
  if (!interpreters.has(basename(process.argv0))) return process.argv0;
  const script = process.argv[1] ?? '';
  return OWN_NAMES.has(basename(script)) ? undefined : basename(script);
}

/** Decides about a connection and starts a daemon under its own name. All arguments belong to the daemon. */
export async function runAs(daemon: string, args: readonly Argument[]): Promise<number> {
  const request = { daemon: Buffer.from(daemon), args: args.map(({ bytes }) => bytes), hosts: {} };
  const { path, name } = daemonNames(request.daemon);
  if (isSelf(path)) {
    openLog(name.toString('latin1')).error(
      `${quote(path)} is uchroot-tcpd itself, and would start itself for ever`,
    );
    return 125;
  }
  return (await start(request)).status;
}

function isSelf(path: Buffer): boolean {
  try {
    return realpathSync(path) === realpathSync(process.argv[1] ?? '');
  } catch {
    // The file does not exist: execve will report this.
    return false;
  }
}
