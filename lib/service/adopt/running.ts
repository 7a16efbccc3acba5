// Restarts and reloads a service, and finds out whether it runs afterwards and what it has said.
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { quote } from '../../quote.ts';
import { findRecord } from './adoption-record.ts';
import { mustRun, runHost } from './host-command.ts';

// A daemon that dies right after its start has not come up.
const settleMs = 1000;

async function shown(unit: string, property: string): Promise<string> {
  return (await mustRun('systemctl', ['show', '--value', '-p', property, unit])).trim();
}

/** Why a service has failed, in one line. */
export async function lastFailure(unit: string): Promise<string | undefined> {
  const [result, status, code, text] = await Promise.all(
    ['Result', 'ExecMainStatus', 'ExecMainCode', 'StatusText'].map((name) => shown(unit, name)),
  );
  if (result === 'success') return undefined;
  const words = [`result ${result}`, code === '0' ? '' : `status ${status}`, text ?? ''].filter(
    (word) => word !== '',
  );
  return words.join(', ');
}

async function journal(...which: readonly string[]): Promise<string> {
  // journald may not have read the last words yet
  await runHost('journalctl', ['--sync']);
  return (await runHost('journalctl', ['--no-pager', '-q', '-o', 'cat', ...which])).stdout.trim();
}

/** What the journal has of the run of a unit that has ended. */
export async function wordsOfRun(unit: string): Promise<string> {
  const invocation = await shown(unit, 'InvocationID');
  return journal(`_SYSTEMD_INVOCATION_ID=${invocation}`);
}

const mostLogBytes = 4096;

function openLog(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // the service has replaced it meanwhile
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

// The last lines of a log, if it was written to since. The service can put anything there, so no link is followed.
function endOfLog(path: string, sinceMs: number): readonly string[] {
  const fd = openLog(path);
  if (fd === undefined) return [];
  try {
    const { size, mtimeMs } = fstatSync(fd);
    if (mtimeMs < sinceMs) return [];
    const end = Buffer.alloc(Math.min(size, mostLogBytes));
    const count = readSync(fd, end, 0, end.length, size - end.length);
    return end.toString('utf8', 0, count).trimEnd().split('\n').slice(-3);
  } finally {
    closeSync(fd);
  }
}

// The ends of the logs in its directories below /var/log: redis-server tells the journal nothing.
function wordsInLogs(unit: string, sinceMs: number): readonly string[] {
  const directories = findRecord(unit)?.mounted.filter((path) => path.startsWith('/var/log/')) ?? [];
  return directories.filter(isDirectory).flatMap((directory) =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => `${directory}/${name}`)
      .flatMap((path) => endOfLog(path, sinceMs).map((line) => `${path}: ${quote(line)}`)),
  );
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

// Runs `systemctl VERB`. @returns why the service does not run well afterwards; undefined if it does
async function command(verb: 'restart' | 'reload', unit: string): Promise<RunFailure | undefined> {
  const sinceMs = Date.now();
  const before = await shown(unit, 'NRestarts');
  const { status, stderr } = await runHost('systemctl', [verb, unit]);
  const restarts = verb === 'reload' ? before : await shown(unit, 'NRestarts');
  if (status === 0 || verb === 'reload') await sleep(settleMs);
  const isUp =
    (await shown(unit, 'ActiveState')) === 'active' && (await shown(unit, 'NRestarts')) === restarts;
  if (status === 0 && isUp) return undefined;
  const failure = await lastFailure(unit);
  const last = await journal('-n', '8', '-u', unit);
  const reason = failure ?? (stderr.trim().split('\n')[0] || 'it has ended');
  const said = [last, ...wordsInLogs(unit, sinceMs)].filter((line) => line !== '');
  return { isUp, words: [reason, ...said].join('\n') };
}

export interface RunFailure {
  /** It runs nevertheless. */
  readonly isUp: boolean;
  /** The reason, and what it has said. */
  readonly words: string;
}

/**
 * Whether a service sees other files at these paths than the host: its mounts keep a file that an editor has replaced by
 * rename(2), until it starts again.
 */
export async function seesOthers(unit: string, paths: readonly string[]): Promise<boolean> {
  const pid = await shown(unit, 'MainPID');
  const isSame = (path: string): boolean => {
    const [own, host] = [`/proc/${pid}/root${path}`, path].map((one) =>
      statSync(one, { throwIfNoEntry: false }),
    );
    // a daemon that has changed its root directory itself has none of them there
    return own === undefined || (own.ino === host?.ino && own.dev === host.dev);
  };
  return pid !== '0' && !paths.every(isSame);
}

/** Restarts a service. @returns why it has not come up; undefined if it runs */
export async function restart(unit: string): Promise<string | undefined> {
  await runHost('systemctl', ['reset-failed', unit]);
  return (await command('restart', unit))?.words;
}

/** Has a service read its configuration again. @returns why that has failed; undefined if it runs, and has been told */
export function reload(unit: string): Promise<RunFailure | undefined> {
  return command('reload', unit);
}
