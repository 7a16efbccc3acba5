// Puts a drop-in in place and starts the service with it; puts the old one back if the service does not come up.
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { JailError } from '../../errors.ts';
import { writeFiles } from '../unit/unit-files.ts';
import type { ConfigurationCheck } from './adoption-record.ts';
import { mustRun, runHost } from './host-command.ts';
import { dropInPath } from './service-drop-in.ts';
import { reloadUnits } from './systemd-bus.ts';

// A daemon that dies right after its start has not come up.
const settleMs = 1000;

/** The drop-in that is there now; undefined if there is none. */
export function presentDropIn(unit: string): string | undefined {
  try {
    return readFileSync(dropInPath(unit), 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// Writes the drop-in, or removes it with its directory if that is empty, and has systemd read it.
async function putDropIn(unit: string, text: string | undefined): Promise<void> {
  const path = dropInPath(unit);
  if (text !== undefined) writeFiles([{ path: 'uchroot.conf', mode: 0o644, text }], dirname(path));
  else {
    rmSync(path, { force: true });
    try {
      rmdirSync(dirname(path));
    } catch (error) {
      if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  await reloadUnits();
}

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

/** Restarts a service. @returns why it has not come up; undefined if it runs */
async function restart(unit: string): Promise<string | undefined> {
  await runHost('systemctl', ['reset-failed', unit]);
  const { status, stderr } = await runHost('systemctl', ['restart', unit]);
  if (status === 0) {
    const restarts = await shown(unit, 'NRestarts');
    await sleep(settleMs);
    const isUp =
      (await shown(unit, 'ActiveState')) === 'active' && (await shown(unit, 'NRestarts')) === restarts;
    if (isUp) return undefined;
  }
  const failure = await lastFailure(unit);
  const { stdout } = await runHost('journalctl', ['--no-pager', '-q', '-o', 'cat', '-n', '8', '-u', unit]);
  return [failure ?? (stderr.trim().split('\n')[0] || 'it has ended'), stdout.trimEnd()].join('\n');
}

/** What was done, where it counts after a failure. */
interface Swap {
  readonly unit: string;
  readonly text: string | undefined;
  readonly isActive: boolean;
}

/**
 * Puts `text` in place, and restarts the service if it is active.
 * @throws JailError ERR_SERVICE if it does not come up. The drop-in from before is then in place again, and the service
 * restarted with it.
 */
export async function swapDropIn({ unit, text, isActive }: Swap): Promise<void> {
  const before = presentDropIn(unit);
  try {
    await putDropIn(unit, text);
    if (!isActive) return;
    const failure = await restart(unit);
    if (failure !== undefined) throw new JailError(failure, { code: 'ERR_SERVICE' });
  } catch (error) {
    await putDropIn(unit, before);
    const again = isActive ? await restart(unit) : undefined;
    const rest = again === undefined ? 'it is as before' : `it does not run as before either: ${again}`;
    throw new JailError(`${unit} does not come up; ${rest}: ${(error as Error).message}`, {
      code: 'ERR_SERVICE',
      cause: error,
    });
  }
}

/**
 * Runs the tests of a configuration in the jail of a service.
 * @throws JailError ERR_SERVICE with what a test has said
 */
export async function runChecks(unit: string, checks: readonly ConfigurationCheck[]): Promise<void> {
  for (const { words, text } of checks) {
    const failure = await runCheck(text);
    if (failure === undefined) continue;
    throw new JailError(`${unit}: the test of its configuration fails: ${failure}`, {
      code: 'ERR_SERVICE',
      hint: `the test is: ${words}`,
    });
  }
}

// Runs a unit to its end. @returns what it has said, if it has failed
async function runCheck(text: string): Promise<string | undefined> {
  const name = `uchroot-check-${process.pid}.service`;
  const file = `/run/systemd/system/${name}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o644 });
  try {
    await reloadUnits();
    const { status, stderr } = await runHost('systemctl', ['start', name]);
    if (status === 0) return undefined;
    const invocation = await shown(name, 'InvocationID');
    const words = ['--no-pager', '-q', '-o', 'cat', `_SYSTEMD_INVOCATION_ID=${invocation}`];
    const { stdout } = await runHost('journalctl', words);
    return stdout.trim() || (await lastFailure(name)) || stderr.trim();
  } finally {
    rmSync(file, { force: true });
    await runHost('systemctl', ['reset-failed', name]);
  }
}
