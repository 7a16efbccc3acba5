// Remedies that need a look at the host: for a unit that is not there, and for a service that does not come up in its jail.
import { existsSync, readdirSync } from 'node:fs';

import { lookOr } from '../../../jail/work/jail-error.ts';
import { nearest } from '../../../words/nearest.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { loadPaths } from '../../unit/present-unit.ts';
import { defaultSearch } from '../systemd-bus.ts';
import { acceptance } from './given-away.ts';

// few hosts have all of these directories
const namesIn = (directories: readonly string[]): readonly string[] =>
  directories
    .flatMap((directory) => lookOr([], () => readdirSync(directory)))
    .flatMap((name) => /^(.*[^@])\.service$/.exec(name)?.[1] ?? []);

/** The hint for a unit that is not there; undefined without a similar name. */
export function otherUnit(unit: string): string | undefined {
  const name = unit.replace(/\.service$/, '');
  const meant = nearest(name, namesIn(loadPaths.system));
  if (meant !== undefined) return `did you mean ${meant}?`;
  return namesIn(loadPaths.user).includes(name)
    ? 'it is a unit of users (systemctl --user), and adopt takes those of the system'
    : undefined;
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
