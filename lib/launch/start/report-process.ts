// The process that tells what a program was denied which was started in place: this process becomes a small one that only waits. See
// lib/bin/uchroot-report.ts.
import { spawn } from 'node:child_process';

import { commandDirectory, native } from '../../native.ts';
import type { Launch } from '../plan/launch.ts';
import { reported, reporterWords } from './denials.ts';

const script = "require(process.argv[1]).openBundle('report')";

/**
 * Starts it.
 *
 * @returns the socket to which the plan must send the listener of the filter
 * @throws a system error
 */
export function startReport({ request, account }: Launch): { readonly socket: number; readonly pid: number } {
  const { statusFd } = request;
  const report = { words: reporterWords(request, account), launch: reported(request, account) };
  const words = [statusFd === undefined ? '' : '4', JSON.stringify(report)];
  const [socket, theirs] = native.socketPair();
  const argv = [...process.execArgv, '-e', script, '--', `${commandDirectory}/open-bundle.cjs`, ...words];
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'ignore', 2, theirs, statusFd ?? 'ignore'],
    // a terminal's Ctrl-C is for the program, which may go on
    detached: true,
    env: { ...process.env, NODE_OPTIONS: undefined },
  });
  native.closeDescriptor(theirs);
  // it is told as an event as well, which would come too late
  child.on('error', () => {});
  if (child.pid === undefined)
    throw new Error(`${process.execPath}: no process could be started that reports`);
  child.unref();
  return { socket, pid: child.pid };
}
