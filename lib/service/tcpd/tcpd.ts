// uchroot-tcpd run, as tcpd(8): asks the rules about the client on descriptor 0, and becomes the daemon if they grant access.

import { openSync } from 'node:fs';

import { errnoName, reason } from '../../words/errno.ts';
import { exitStatuses, JailError, LaunchError, UsageError } from '../../errors.ts';
import { listenFds } from '../../launch/host/environment.ts';
import { encodePlan } from '../../launch/plan/encode.ts';
import type { Step } from '../../launch/plan/step.ts';
import { type LaunchRequest, normalize } from '../../launch/request/request.ts';
import { callerInPlace } from '../../launch/host/caller.ts';
import { openCgroup } from '../../launch/host/cgroup.ts';
import { planInPlace, runInPlace, verifyInPlace, warningLines } from '../../launch/start/exec.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { shellArguments } from '../../tcpwrappers/apply/shell-command.ts';
import type { Decision } from '../../tcpwrappers/decision.ts';
import { type HostsOptions, openHosts } from '../../tcpwrappers/hosts.ts';
import type { Level } from '../../tcpwrappers/rule/rule-option.ts';
import { toUtf8 } from '../../tcpwrappers/text/latin1.ts';
import { attempt } from '../../words/system-error.ts';
import { wordSet } from '../../words/word-list.ts';
import { type Connection, describeConnection, dropIpOptions, toRequest } from './connection.ts';
import { requireNamed } from './named-files.ts';
import { isConnection, type Log } from './tcpd-log.ts';

export interface TcpdRequest {
  /** Path of the daemon; a name without a slash is one in /usr/sbin. */
  readonly daemon: Buffer;
  readonly args: readonly Buffer[];
  readonly hosts: HostsOptions;
  /** The jail of the daemon, and how it starts there. `daemon` is then a path in the jail. */
  readonly jail?: Omit<LaunchRequest, 'program' | 'args'> | undefined;
}

// REAL_DAEMON_DIR and DAEMON_UMASK of Debian's tcpd.
const DAEMON_DIRECTORY = '/usr/sbin/';
const DAEMON_UMASK = 0o022;

// Findings that libwrap logs for each connection too: rules that were not read.
const LOGGED: ReadonlySet<string> = wordSet(
  'cannot-open file-refused is-a-directory line-too-long missing-newline missing-separator not-a-file',
);
const MAX_LOGGED = 10;

/** The path of a daemon, and the process name by which rules know it. */
export function daemonNames(daemon: Buffer): { readonly path: Buffer; readonly name: Buffer } {
  const path = daemon[0] === 0x2f ? daemon : Buffer.concat([Buffer.from(DAEMON_DIRECTORY), daemon]);
  return { path, name: path.subarray(path.lastIndexOf(0x2f) + 1) };
}

/**
 * Decides, puts the rule into effect, and becomes the daemon. Returns only if the client is refused or the start fails, with
 * the exit status; then nothing of the daemon has run.
 */
export async function runTcpd(request: TcpdRequest, log: Log): Promise<number> {
  try {
    return await decideAndRun(request, log);
  } catch (error) {
    const isOurs = error instanceof LaunchError || error instanceof UsageError || error instanceof JailError;
    if (!isOurs) {
      log.error((error as Error).stack ?? String(error));
      return exitStatuses.failed;
    }
    log.error(error.message);
    if (error.hint !== undefined) log.error(`hint: ${error.hint}`);
    return error instanceof JailError ? exitStatuses.failed : error.exitStatus;
  }
}

async function decideAndRun(request: TcpdRequest, log: Log): Promise<number> {
  process.umask(DAEMON_UMASK);
  const { name } = daemonNames(request.daemon);
  if (name.length === 0)
    throw new UsageError('the daemon has no name', { hint: 'for example /usr/sbin/in.ftpd' });
  const connection = describeConnection(0);
  if (connection.kind === 'none' && connection.problem !== undefined) log.warn(connection.problem);
  if (connection.kind === 'tcp') {
    const { refusal, ignored } = dropIpOptions(0);
    const tell = (level: Level, text: string): void => log.write([{ facility: 'daemon', level, text }]);
    const { address } = connection.client;
    if (ignored !== undefined) tell('notice', `connect from ${address} with ${ignored}`);
    if (refusal !== undefined) {
      tell('warning', `refused connect from ${address} with ${refusal}`);
      return 0;
    }
  }
  requireNamed(request.hosts);
  const decision = await openHosts(request.hosts).check(toRequest(name, connection));
  for (const { file, line, message } of decision.findings
    .filter(({ code }) => LOGGED.has(code))
    .slice(0, MAX_LOGGED))
    log.warn(line === undefined ? message : `${toUtf8(file)}, line ${line}: ${message}`);
  const applied = await decision.apply({ fd: 0, onRefused: () => hangUp(connection) });
  log.write(applied.log);
  switch (applied.verdict) {
    case 'granted':
      return start(request, decision, log);
    case 'delegated':
      return twist(decision);
    case 'denied':
      if (applied.reason !== undefined) log.warn(applied.reason);
      if (connection.kind === 'udp') takeDatagram();
      // as tcpd has it; unlike tcpd it does not wait: the connection ends with this process
      return 0;
    default:
      return applied.verdict satisfies never;
  }
}

// Commands of the rule go on without the client. A datagram is taken later.
function hangUp({ kind }: Connection): void {
  if (kind !== 'tcp') return;
  const nothing = openSync('/dev/null', 'r+');
  for (const fd of [0, 1, 2]) if (isConnection(fd)) native.duplicate(nothing, fd);
}

// A datagram that stays makes inetd(8) start this process again and again.
const takeDatagram = (): void => attempt(() => native.recvfrom(0, false)); // unless another process has taken it

// The client gets the output of the command instead of the daemon (hosts_options(5)). The command runs on the host.
function twist({ options }: Decision): never {
  const option = options.findLast((option) => option.kind === 'twist');
  if (option === undefined) throw new Error('delegated to nothing');
  for (const fd of [1, 2]) native.duplicate(0, fd);
  return becomeProgram(Buffer.from('/bin/sh'), shellArguments(option.command));
}

async function start({ daemon, args, jail }: TcpdRequest, { options }: Decision, log: Log): Promise<never> {
  const { path, name } = daemonNames(daemon);
  if (jail === undefined) return becomeProgram(path, [name, ...args]);
  const env: Record<string, string | Uint8Array | undefined> = { ...jail.env };
  let { umask } = jail;
  for (const option of options) {
    // the rule overrides the jail: it is meant for this client
    if (option.kind === 'setenv') env[option.name] = Buffer.from(option.value, 'latin1');
    if (option.kind === 'umask') umask = option.mask;
    if (option.kind === 'user' || option.kind === 'group')
      throw new UsageError(`the rule has ${option.kind}, and the jail has a user of its own`, {
        hint: `take ${option.kind} out of the rule, or leave --jail out`,
      });
  }
  const request = normalize({ argv0: name, ...jail, program: path, args, env, umask });
  const warn = (finding: Parameters<typeof warningLines>[0]): void => log.warn(warningLines(finding));
  const verified = verifyInPlace(request, warn);
  const launch = planInPlace(request, verified, warn, await openCgroup(request));
  return runInPlace(launch, { tell: (lines) => log.error(lines) });
}

// Executes a program on the host in place of this process, with its identity, umask and environment. Undoes what Node has
// changed: flags of 0 to 2, the limit on descriptors, signals. @throws LaunchError with status 126 or 127
function becomeProgram(program: Buffer, argv: readonly Buffer[]): never {
  const kept = listenFds(callerInPlace().environment, process.pid);
  const steps: readonly Step[] = [
    // Node has raised the soft limit to the hard one, and the old one is lost; 1024 is the kernel's default (INR_OPEN_CUR).
    { op: 'setrlimit', resource: 'nofile', limit: { soft: 1024, hard: Infinity }, mode: 'set-soft' },
    { op: 'stdio', fd: 0 },
    { op: 'stdio', fd: 1 },
    { op: 'stdio', fd: 2 },
    { op: 'close_range', first: 3 },
    ...Array.from({ length: kept }, (_, i): Step => ({ op: 'keep_fd', fd: 3 + i })),
    // Node ignores SIGPIPE, and execve keeps that (signal(7))
    { op: 'reset_signals' },
    { op: 'execve', program, argv, env: native.environmentEntries() },
  ];
  const { step, errno } = native.execPlan({ plan: encodePlan([steps]), jailFd: -1 });
  const call = steps[step]?.op ?? 'launch';
  throw new LaunchError(`cannot execute ${quote(program)}: ${call}: ${reason(errno)}`, {
    step: call,
    code: errnoName(errno),
    errno,
    ...(errnoName(errno) === 'ENOENT' && {
      hint: 'give the path of DAEMON; for a jail: --jail USER:DIRECTORY DAEMON',
    }),
    exitStatus:
      call !== 'execve'
        ? exitStatuses.failed
        : errnoName(errno) === 'ENOENT'
          ? exitStatuses.missing
          : exitStatuses.unusable,
  });
}
