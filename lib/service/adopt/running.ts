// Restarts and reloads a service, and finds out whether it runs afterwards and what it has said.
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { AbortError, JailError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { unless } from '../../words/system-error.ts';
import { findRecord } from './adoption-record.ts';
import { type HostResult, runHost } from './host-command.ts';
import { ifReadable, readEnd } from './host-file.ts';
import { type InstalledService, listOf, type Settings } from './installed/installed-service.ts';
import { type Refusal, stuckRefusal } from './service-refusal.ts';
import { propertiesOf, resetFailed, restartUnit, withUnit } from './systemd-bus.ts';

// A daemon that dies right after its start has not come up. Of these types systemd knows when it is ready (systemd.service(5), Type=);
// the others may still read their configuration.
const tellsReady = /^(notify|notify-reload|dbus|forking)$/;
const readyMs = 1000;
const unknownMs = 5000;
const pollMs = 200;

// Whether a service runs, and systemd has not restarted it meanwhile.
async function isUp(unit: string, restarts: string): Promise<boolean> {
  const { ActiveState, NRestarts } = await propertiesOf(unit, 'ActiveState', 'NRestarts');
  return ['active', 'reloading'].includes(ActiveState) && NRestarts === restarts;
}

/** How to watch whether a service keeps running. */
export interface Watch {
  /** How long to watch after a start; undefined for the usual time. */
  readonly watchMs?: number | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

/** How long a service is watched after a start, in ms. */
export async function watchTime(unit: string, { watchMs }: Watch): Promise<number> {
  return watchMs ?? (tellsReady.test((await propertiesOf(unit, 'Type')).Type) ? readyMs : unknownMs);
}

/** Asks again and again until it is so, or until the time is over. @throws AbortError */
export async function pollFor(
  limitMs: number,
  isSo: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    if (await isSo()) return true;
    if (performance.now() > endMs) return false;
    if (signal?.aborted === true) throw new AbortError('the service was not watched to the end', signal);
    await sleep(pollMs);
  }
}

const ofFailure = ['Result', 'ExecMainStatus', 'ExecMainCode', 'StatusText'] as const;

/** Why a service has failed, in one line. */
export const lastFailure = async (unit: string): Promise<string | undefined> =>
  failureIn(await propertiesOf(unit, ...ofFailure));

/** The same from its settings. */
export function failureIn(settings: Settings): string | undefined {
  const [result, status, code, text] = ofFailure.map((name) => String(settings[name]));
  if (result === 'success') return undefined;
  const words = [`result ${result}`, code === '0' ? '' : `status ${status}`, text];
  return words.filter((word) => word !== '').join(', ');
}

async function journal(...which: readonly string[]): Promise<string> {
  // journald may not have stored the last lines yet
  await runHost('journalctl', ['--sync']);
  const { stdout } = await runHost('journalctl', ['--no-pager', '-q', '-o', 'cat', ...which]);
  // the service chooses its words, and a terminal obeys control characters
  return stdout
    .trim()
    .split('\n')
    .map((line) => (line === '' ? '' : quote(line)))
    .join('\n');
}

// journald can answer `--sync` before it has read the pipes of programs. So a run without a word is looked at again.
const patienceMs = 5000;

/** The lines of the journal from the last run of a unit, as far as they are stored. */
export async function journalOfRun(unit: string): Promise<string> {
  const { InvocationID } = await propertiesOf(unit, 'InvocationID');
  return InvocationID === '' ? '' : journal(`_SYSTEMD_INVOCATION_ID=${InvocationID}`);
}

/** The same, and waits for them. */
export async function wordsOfRun(unit: string): Promise<string> {
  let words = '';
  await pollFor(patienceMs, async () => {
    words = await journalOfRun(unit);
    return words !== '';
  });
  return words;
}

const mostLogBytes = 4096;

/**
 * The last lines of the logs in its directories below /var/log, if something was written since then. Some services, such as redis-server,
 * write nothing to the journal. `copies` is the directory of a trial.
 */
export function wordsInLogs(paths: readonly string[], sinceMs: number, copies = ''): readonly string[] {
  const directories = paths.filter((path) => path.startsWith('/var/log/'));
  return directories.flatMap((directory) =>
    (ifReadable(() => readdirSync(`${copies}${directory}`)) ?? []).flatMap((name) => {
      const { text = '', changedMs = 0 } = readEnd(`${copies}${directory}/${name}`, mostLogBytes) ?? {};
      if (text === '' || changedMs < sinceMs) return [];
      const lines = text.trimEnd().split('\n').slice(-3);
      return lines.map((line) => `${directory}/${name}: ${quote(line)}`);
    }),
  );
}

/** Why systemd would refuse to restart it; undefined if it would not, or if it does not run. */
export async function restartRefusal(service: InstalledService): Promise<Refusal | undefined> {
  const { unit, settings, isActive } = service;
  // of Wants= systemd only takes what is there (systemd.unit(5))
  const needed = ['Requires', 'Requisite', 'BindsTo'].flatMap((name) => listOf(settings, name));
  for (const name of isActive ? [unit, ...needed] : []) {
    const found = stuckRefusal(unit, name, (await propertiesOf(name, 'LoadState')).LoadState);
    if (found !== undefined) return found;
  }
  return undefined;
}

// @returns why systemd refuses it; undefined if it does not. Whether the service has started, only its state shows.
async function refusalOfRestart(unit: string, { signal }: Watch): Promise<string | undefined> {
  try {
    await restartUnit(unit, signal);
    return undefined;
  } catch (error) {
    if (error instanceof JailError) return error.message;
    throw error;
  }
}

// @returns why it has failed; undefined if it has not
async function failureOfReload(unit: string, { signal }: Watch): Promise<string | undefined> {
  const { status, stderr } = await runHost('systemctl', ['reload', unit], { signal });
  return status === 0 ? undefined : stderr.trim().split('\n')[0];
}

// Restarts or reloads a service. @returns what is wrong with it afterwards; undefined if it runs
async function command(
  verb: 'restart' | 'reload',
  unit: string,
  watch: Watch,
): Promise<RunFailure | undefined> {
  const sinceMs = Date.now();
  const look = () => propertiesOf(unit, 'NRestarts', 'InvocationID');
  const before = await look();
  const refusal = await (verb === 'restart' ? refusalOfRestart : failureOfReload)(unit, watch);
  const after = verb === 'reload' ? before : await look();
  const isDone = refusal === undefined && (verb === 'reload' || after.InvocationID !== before.InvocationID);
  const limitMs = isDone || verb === 'reload' ? await watchTime(unit, watch) : 0;
  const runs = !(await pollFor(limitMs, async () => !(await isUp(unit, after.NRestarts)), watch.signal));
  if (isDone && runs) return undefined;
  const failure = await lastFailure(unit);
  const last = await journal('-n', '8', '-u', unit);
  const reason = failure ?? refusal ?? (runs ? 'systemd has not restarted it' : 'it has ended');
  const paths = (findRecord(unit)?.plan.paths ?? []).map(({ path }) => path);
  const said = [last, ...wordsInLogs(paths, sinceMs)].filter((line) => line !== '');
  return { isUp: runs, words: [reason, ...said].join('\n') };
}

/** Starts a temporary unit, as withUnit(), and stops it after `work`, which gets the answer of systemctl(1). @throws AbortError */
export const withStarted = <T>(
  purpose: 'check' | 'trial',
  text: string,
  like: string,
  signal: AbortSignal | undefined,
  work: (name: string, started: HostResult) => Promise<T>,
): Promise<T> =>
  withUnit(purpose, text, like, async (name) => {
    try {
      return await work(name, await runHost('systemctl', ['start', name], { signal }));
    } finally {
      // after an abort it still runs
      await runHost('systemctl', ['stop', name]);
      await resetFailed(name);
    }
  });

export interface RunFailure {
  /** The service runs all the same. */
  readonly isUp: boolean;
  /** The reason, and the last words of the service. */
  readonly words: string;
}

// The device and inode of a directory; undefined if it is gone, or if nobody may look at it.
function identityOf(directory: string): string | undefined {
  const status = ifReadable(() => statSync(directory, { bigint: true }));
  return status && `${status.dev}:${status.ino}`;
}

function processesIn(directory: string): readonly number[] {
  const top = identityOf(directory);
  return readdirSync('/proc')
    .filter((name) => top !== undefined && /^\d+$/.test(name) && identityOf(`/proc/${name}/root`) === top)
    .map(Number);
}

/** Kills the processes whose root directory is this one. @returns whether there were any */
export async function endProcessesIn(directory: string): Promise<boolean> {
  let wereAny = false;
  await pollFor(patienceMs, () => {
    const left = processesIn(directory);
    for (const pid of left) unless(['ESRCH'], () => process.kill(pid, 'SIGKILL'));
    wereAny ||= left.length > 0;
    return left.length === 0;
  });
  return wereAny;
}

/**
 * Restarts a service.
 *
 * @returns why it has not come up; undefined if it runs
 * @throws AbortError
 */
export async function restart(unit: string, watch: Watch = {}): Promise<string | undefined> {
  await resetFailed(unit);
  return (await command('restart', unit, watch))?.words;
}

/** Reloads a service. @returns why that has failed; undefined if it was reloaded and runs @throws AbortError */
export function reload(unit: string, watch: Watch): Promise<RunFailure | undefined> {
  return command('reload', unit, watch);
}
