// A time zone that is set and that the jail does not have: the C library takes UTC for it, without a word (tzset(3)).
import { existsSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes, showPath } from '../../binary/path.ts';
import { walk } from '../../binary/walk.ts';
import type { DirectoryFinding } from './directory.ts';
import type { PreparedLaunch } from './prepare.ts';

/** The value of a variable in an environment; latin1. */
function valueOf(env: readonly Buffer[], name: string): string | undefined {
  const entry = env.find((variable) => variable.toString('latin1', 0, name.length + 1) === `${name}=`);
  return entry?.toString('latin1', name.length + 1);
}

// UTC by its names is UTC in a jail without any file.
const UTC =
  'UTC GMT UCT Zulu Universal Greenwich Etc/UTC Etc/GMT Etc/UCT Etc/Zulu Etc/Universal Etc/Greenwich'.split(
    ' ',
  );

/**
 * The name of the file that TZ asks for; undefined for a rule, `JST-9` or `CET-1CEST,M3.5.0/2,M10.5.0`, and for UTC. A rule has
 * a number before any slash (POSIX.1-2024, 8.3).
 */
export function zoneNamed(tz: string): string | undefined {
  const name = tz.startsWith(':') ? tz.slice(1) : tz;
  if (name === '' || UTC.includes(name)) return undefined;
  if (tz.startsWith(':') || tz.startsWith('/')) return name;
  for (let at = 0; at < name.length; at++) {
    const character = name.charAt(at);
    if (character === '/') return name;
    if (character === '<' || (character >= '0' && character <= '9')) return undefined;
  }
  return name;
}

/** Says that the time zone of the program's environment is not in the jail; undefined if it is, or none is set. */
export function findMissingZone({ execve, view }: PreparedLaunch): DirectoryFinding | undefined {
  const name = zoneNamed(valueOf(execve.env, 'TZ') ?? '');
  if (name === undefined) return undefined;
  const directory = valueOf(execve.env, 'TZDIR') ?? '/usr/share/zoneinfo';
  const path = joinPath(directory as BytePath, name as BytePath);
  if (walk(view.root, path).kind === 'found') return undefined;
  return {
    refuses: false,
    path: showPath(path),
    message: `TZ=${showPath(name as BytePath)}: ${showPath(path)} is not in the jail: times are shown in UTC`,
    hint: existsSync(pathBytes(path))
      ? `uchroot-jail build ${view.jail} --copy ${showPath(path)}`
      : 'the host has none of that name either',
  };
}
