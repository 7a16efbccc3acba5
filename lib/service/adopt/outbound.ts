// What a service may call, on the host: its units, the files of its jail, and what it was refused.
import { readFileSync, rmSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { unless } from '../../words/system-error.ts';
import { runHost } from './host-command.ts';
import { replaceHostFile, writeHostFile } from './host-file.ts';
import { outboundFile, outboundFiles, outboundNames, type UnitText } from './outbound-units.ts';
import { journalOfRun } from './running.ts';
import { reloadUnits, resetFailed } from './systemd-bus.ts';

const fileOf = (name: string): string => `/etc/systemd/system/${name}`;

const presentText = (name: string): string | undefined =>
  unless(['ENOENT'], () => readFileSync(fileOf(name), 'utf8'));

/** Whether these units, and no others, are there. */
export const areOutboundPresent = (unit: string, units: readonly UnitText[]): boolean =>
  outboundNames(unit).every((name) => presentText(name) === units.find((one) => one.name === name)?.text);

/** Puts these units in place of those that are there, and starts them. @throws JailError ERR_SERVICE with the words of the one that fails */
export async function putOutbound(unit: string, units: readonly UnitText[]): Promise<void> {
  const names = outboundNames(unit);
  if (!areOutboundPresent(unit, units)) {
    const old = names.filter((name) => presentText(name) !== undefined);
    if (old.length > 0) await runHost('systemctl', ['stop', ...old]);
    for (const name of old) rmSync(fileOf(name), { force: true });
    for (const { name, text } of units) replaceHostFile(fileOf(name), text);
    await reloadUnits();
    if (units.length === 0) await Promise.all(old.map(resetFailed));
  }
  if (units.length === 0) return;
  const { status, stderr } = await runHost('systemctl', ['start', ...names]);
  if (status === 0) return;
  const said = await Promise.all(names.map(journalOfRun));
  throw new JailError(
    `${unit}: no network could be made for what it may call: ${said.find((words) => words !== '') ?? stderr.trim()}`,
    { code: 'ERR_SERVICE', hint: 'uchroot --doctor says whether --connect-to works on this host' },
  );
}

/** The files that the jail has in place of those of the host. */
export function writeOutboundFiles(directory: string): void {
  const hosts = unless(['ENOENT'], () => readFileSync('/etc/hosts', 'utf8')) ?? '';
  for (const name of outboundFiles) writeHostFile(`${directory}/${name}`, outboundFile(name, hosts));
}

/** What the relay of a service has refused since it was started: a line for each. */
export async function refusedCalls(unit: string): Promise<readonly string[]> {
  const [, , relay] = outboundNames(unit);
  const words = await journalOfRun(relay);
  return words.split('\n').filter((line) => line !== '');
}
