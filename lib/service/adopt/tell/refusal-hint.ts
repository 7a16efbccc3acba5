// What to do about a service that cannot be adopted. Looks for its unit among those of the host.
import { existsSync, readdirSync } from 'node:fs';

import { nearest } from '../../../words/nearest.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { type InstalledService, textOf } from '../installed/installed-service.ts';
import { acceptance } from './given-away.ts';
import { scriptOf, servesHost } from './service-refusal.ts';
import { defaultSearch } from '../systemd-bus.ts';
import { loadPaths } from '../../unit/present-unit.ts';

function namesIn(directories: readonly string[]): readonly string[] {
  const names = directories.flatMap((directory) => {
    try {
      return readdirSync(directory);
    } catch {
      return []; // few hosts have all of them
    }
  });
  return names.filter((name) => name.endsWith('.service'));
}

// The names without `.service`: with these letters, all of them would be similar.
function misspelt(unit: string): string | undefined {
  const names = namesIn(loadPaths.system).map((name) => name.replace(/\.service$/, ''));
  return nearest(
    unit.replace(/\.service$/, ''),
    names.filter((name) => !name.endsWith('@')),
  );
}

function notFound(unit: string): string {
  const meant = misspelt(unit);
  if (meant !== undefined) return `did you mean ${meant}?`;
  return namesIn(loadPaths.user).includes(unit)
    ? 'it is a unit of users (systemctl --user), and adopt takes those of the system'
    : 'install it first: systemctl list-unit-files --type=service lists those that are there';
}

/** The hint for the reason that refusalOf() gives. */
export function refusalHint(service: InstalledService): string {
  const { unit, loadState, settings, isTransient } = service;
  if (loadState === 'not-found') return notFound(unit);
  if (loadState === 'masked') return commandLine('systemctl', 'unmask', unit);
  if (loadState !== 'loaded')
    return `${commandLine('systemd-analyze', 'verify', unit)} says what is wrong in it`;
  if (isTransient)
    return 'write a unit to a file first: uchroot --unit systemd does so for a program in a jail';
  const leave = `leave it as it is: ${commandLine('systemctl', 'edit', unit)} can harden it without a jail`;
  if (servesHost(service)) return leave;
  if (textOf(settings, 'Type') === 'oneshot')
    return 'leave it as it is, or start its program in a jail: ExecStart=uchroot USER DIRECTORY PROGRAM';
  const script = scriptOf(service);
  if (script !== undefined)
    return `it is the script ${script}: write a unit with User= and an ExecStart= that stays in the foreground to /etc/systemd/system/${unit}, start that, and adopt it`;
  // the service does not work without these
  if (textOf(settings, 'PAMName') !== '' || textOf(settings, 'BusName') !== '') return leave;
  return `leave it as it is, or take this out of its unit: ${commandLine('systemctl', 'edit', '--full', unit)}`;
}

/** The hint for a service that does not come up in its jail. @param words the last words of the service */
export function needsHint(words: string): string {
  const [, program = ''] = /(?:^|[\s:])([\w.+-]+): (?:command )?not found/m.exec(words) ?? [];
  const found = defaultSearch.map((directory) => `${directory}/${program}`).find((path) => existsSync(path));
  if (program !== '' && found !== undefined)
    return `if it needs ${program} of the host: ${commandLine('--program', found)}`;
  const [, before, behind] =
    /(\/[^\s:'"]+)['"]?: No such file|No such file or directory:? ['"]?(\/[^\s:'"]+)/i.exec(words) ?? [];
  const path = before ?? behind;
  if (path !== undefined && existsSync(path))
    return `if it needs ${path} of the host: ${commandLine('--ro-bind', path)}${acceptance(path)}`;
  return 'if it needs a file or program of the host that nothing names: --ro-bind PATH, --bind PATH or --program PATH';
}
