// Finds accounts of services that configuration files in a jail name, but that the jail does not have.

import { readSmallText } from '../../binary/loader-conf.ts';
import { type BytePath, bytePath, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { commandLine, shellWord } from '../../words/shell-word.ts';
import { toText } from '../manifest/path-text.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import type { JailUser } from '../packs/pack.ts';
import type { JailWarning } from '../work/jail-warning.ts';

export interface UnknownAccount {
  readonly name: string;
  readonly kind: 'user' | 'group';
  /** The file that names it. */
  readonly by: BytePath;
}

// user www-data; APACHE_RUN_USER=www-data; $FileGroup adm; SystemGroup lpadmin
const NAMED = /^[$\w.\t -]{0,60}?(user|group|owner)[ \t]*[=: \t][ \t]*["']?([a-z_][\w-]*)\b/gim;

const MOST_BYTES = 1 << 16;

/** Reports each name once, and only if the root has a service account of it (id below 1000, Debian policy 9.2). */
export function unknownAccounts(
  root: FileRoot,
  entries: readonly Entry[],
  users: readonly JailUser[],
): readonly UnknownAccount[] {
  const known = {
    user: new Set(['root', ...users.map(({ name }) => name)]),
    group: new Set(['root', ...users.flatMap(({ groups }) => groups.map(({ name }) => name))]),
  };
  const there = { user: servicesOf(root, '/etc/passwd'), group: servicesOf(root, '/etc/group') };
  const found = new Map<string, UnknownAccount>();
  for (const entry of entries) {
    if (entry.kind !== 'file' || !entry.path.startsWith('/etc/') || entry.sizeBytes > MOST_BYTES) continue;
    const text = readSmallText(root, entry.source) ?? '';
    for (const [, word = '', name = ''] of text.matchAll(NAMED)) {
      const kind = word.toLowerCase() === 'group' ? 'group' : 'user';
      if (!there[kind].has(name) || known[kind].has(name)) continue;
      if (!found.has(`${kind} ${name}`)) found.set(`${kind} ${name}`, { name, kind, by: entry.path });
    }
  }
  return [...found.values()];
}

// The third field is the id in both files (passwd(5), group(5)).
function servicesOf(root: FileRoot, path: string): ReadonlySet<string> {
  const text = readSmallText(root, bytePath(path)) ?? '';
  const lines = text.split('\n').map((line) => line.split(':'));
  const services = lines.filter(([, , id = '']) => /^\d+$/.test(id) && Number(id) > 0 && Number(id) < 1000);
  return new Set(services.map(([name = '']) => name));
}

/** A warning with the command that adds the account. */
export function accountWarning({ name, kind, by }: UnknownAccount, jail: BytePath): JailWarning {
  const line =
    kind === 'user'
      ? commandLine('uchroot-jail', 'build', jail, '--user', name)
      : `getent group ${name} >> ${shellWord(`${jail}/etc/group`)}`;
  const message = `${showPath(by)} names the ${kind} ${name}, which the jail does not know: ${line} adds it`;
  return { kind, by: toText(by), name, message };
}
