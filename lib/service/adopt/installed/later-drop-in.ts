// Drop-ins that systemd reads after ours: it sorts them by name (systemd.unit(5)), and later settings replace earlier ones. Pure.
import { basename, dirname } from 'node:path';

import { commandLine } from '../../../words/shell-word.ts';
import { execKinds } from './installed-service.ts';
import type { Refusal } from '../service-refusal.ts';

const own = 'uchroot.conf';

// The files of a unit, as `systemctl cat` prints them.
const partsOf = (unitText: string) =>
  unitText.split(/^(?=# \/)/m).map((text) => {
    const path = /^# (\/.*)$/m.exec(text)?.[1] ?? '';
    return { path, text, isLater: dirname(path).endsWith('.d') && basename(path) > own };
  });

/** The text of a unit with ours at its place. */
export function withOwn(unitText: string, ownText: string): string {
  const parts = partsOf(unitText);
  const later = parts.filter(({ isLater }) => isLater);
  const earlier = parts.filter(({ isLater }) => !isLater);
  return [...earlier, { text: ownText }, ...later].map(({ text }) => text).join('\n');
}

/** Ours, and the directory of the jail and its launchers. */
export interface OwnDropIn {
  readonly text: string;
  readonly directory: string;
}

type Setting = readonly [name: string, value: string];

const settingsIn = (text: string): readonly Setting[] =>
  text.split('\n').flatMap((line) => {
    const [, name = '', value = ''] = /^\s*([A-Z][A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    return name === '' ? [] : [[name, value] as const];
  });

// Settings of ours that put the service into its jail. Commands of other programs run on the host anyway.
const decisive = new Set(['User', 'Group', 'PIDFile', 'RootDirectory', 'RootDirectoryStartOnly']);
const commands = new Set<string>(execKinds);

// The settings of ours that later drop-ins replace.
function overridden(unitText: string, { text: ownText, directory }: OwnDropIn) {
  const ours = settingsIn(ownText);
  const names = new Set(ours.map(([name]) => name));
  const launched = new Set(ours.flatMap(([name, value]) => (value.includes(`${directory}/`) ? [name] : [])));
  // an empty value takes back all of ours
  const decides = ([name, value]: Setting): boolean =>
    commands.has(name) ? launched.has(name) : decisive.has(name) || value === '';
  return partsOf(unitText)
    .filter(({ isLater }) => isLater)
    .flatMap(({ path, text }) => settingsIn(text).map((setting) => ({ path, setting })))
    .filter(({ setting: [name] }) => names.has(name))
    .map(({ path, setting }) => ({ path, name: setting[0], isDecisive: decides(setting) }));
}

/** Why a later drop-in would keep the service out of its jail; undefined if none does. */
export function laterRefusal(unit: string, unitText: string, ours: OwnDropIn): Refusal | undefined {
  const found = overridden(unitText, ours).find(({ isDecisive }) => isDecisive);
  if (found === undefined) return undefined;
  const { path, name } = found;
  return {
    message: `${unit} cannot be adopted: ${path} sets ${name}=, and systemd reads it after ${own}`,
    hint: `give it a name that comes before: ${commandLine('mv', path, `${dirname(path)}/10-${basename(path)}`)}`,
  };
}

/** A warning for each other setting of ours that is replaced. */
export function laterWarnings(unitText: string, ours: OwnDropIn): readonly string[] {
  const all = overridden(unitText, ours)
    .filter(({ isDecisive }) => !isDecisive)
    .map(({ path, name }) => `${path} sets ${name}=, which counts more than that of ${own}`);
  return [...new Set(all)];
}
