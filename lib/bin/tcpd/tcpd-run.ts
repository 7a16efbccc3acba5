// uchroot-tcpd run: makes a request from options and operands, or from the name by which it was called.

import { realpathSync } from 'node:fs';
import { basename } from 'node:path';

import { exitStatuses, UsageError } from '../../errors.ts';
import type { LaunchRequest } from '../../launch/request/request.ts';
import { wrong } from '../../values/wrong.ts';
import { option, type Argument } from '../../values/command-option.ts';
import { quote } from '../../words/quote.ts';
import { openLog } from '../../service/tcpd/tcpd-log.ts';
import { daemonNames, runTcpd } from '../../service/tcpd/tcpd.ts';
import { lookOr } from '../../words/system-error.ts';
import type { ReadArguments } from '../arguments.ts';
import { type Command, valueOf } from '../dispatch.ts';
import { toHostsOptions } from './tcpd-options.ts';
import { launchOptions, requestKeys } from '../uchroot-options.ts';

// Here --allow names hosts.allow.
const jailOptions = launchOptions().filter(({ name }) => name !== 'allow');

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
  unlisted: jailOptions,
  statuses: "0 refused, 125 to 127 as uchroot; else DAEMON's own.",
  operands: [1, Infinity],
  startsProgram: true,
  failureStatus: exitStatuses.failed,
  run: async (read, _, daemon, ...args) => {
    const request = { daemon, args, hosts: toHostsOptions(read), jail: toJail(read) };
    return { text: '', status: await runTcpd(request, openLog(daemonNames(daemon).name.toString('latin1'))) };
  },
};

// USER:DIRECTORY or USER:GROUP:DIRECTORY. DIRECTORY begins with a slash.
function toJail(read: ReadArguments): LaunchRequest | undefined {
  const given = read.options.filter(([name]) => jailOptions.some((option) => option.name === name));
  const [first] = given;
  const jail = valueOf(read, 'jail');
  if (jail === undefined && first !== undefined)
    throw new UsageError(`--${first[0]} is for a jail: give --jail USER:DIRECTORY`, {
      hint: 'for example --jail nobody:/srv/jail',
    });
  if (jail === undefined) return undefined;
  const cut = jail.bytes.indexOf(':/');
  if (cut <= 0)
    throw wrong({
      key: '--jail',
      value: jail.text,
      expected: 'USER:DIRECTORY with a DIRECTORY from / on',
      example: 'nobody:/srv/jail',
    });
  return {
    user: jail.bytes.toString('utf8', 0, cut),
    jail: jail.bytes.subarray(cut + 1),
    ...requestKeys(given),
  };
}

/**
 * The daemon whose name the command was called by, like tcpd(8): argv[0] of Node, or a link with the daemon's name. undefined if
 * it was called as uchroot-tcpd.
 */
export function calledAs(): string | undefined {
  const interpreters = ['node', 'nodejs', basename(process.execPath)];
  if (!interpreters.includes(basename(process.argv0))) return process.argv0;
  const script = basename(process.argv[1] ?? '');
  return ['uchroot-tcpd', 'uchroot-tcpd.cjs'].includes(script) ? undefined : script;
}

/** Decides about a connection and starts a daemon under its own name. All arguments belong to the daemon. */
export async function runAs(daemon: string, args: readonly Argument[]): Promise<number> {
  const request = { daemon: Buffer.from(daemon), args: args.map(({ bytes }) => bytes), hosts: {} };
  const { path, name } = daemonNames(request.daemon);
  const log = openLog(name.toString('latin1'));
  // if the file does not exist, execve will report this
  const isSelf = lookOr(false, () => realpathSync(path) === realpathSync(process.argv[1] ?? ''));
  if (!isSelf) return runTcpd(request, log);
  log.error(`${quote(path)} is uchroot-tcpd itself, and would start itself for ever`);
  return exitStatuses.failed;
}
