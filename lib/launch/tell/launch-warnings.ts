// Warnings of a launch; a service gets them as process warnings.
import { existsSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes, showPath } from '../../binary/path.ts';
import { walk } from '../../binary/walk.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import type { PreparedLaunch } from '../host/prepare.ts';
import { copyCommand } from './program-hint.ts';

const warned = new Set<string>();

/** Emits process warnings with the code `UCHROOT_JAIL`, each once. */
export function warnOnce(warnings: readonly Pick<DirectoryFinding, 'message' | 'hint'>[]): void {
  for (const { message, hint } of warnings) {
    if (warned.has(message)) continue;
    warned.add(message);
    process.emitWarning(message, { code: 'UCHROOT_JAIL', detail: `hint: ${hint}` });
  }
}

// A C library alone needs more. The kernel ends a program by SIGSEGV, without a word, if its stack or its segments do not fit
// (execve(2)); ulimit of a shell counts in KiB, and setrlimit(2) in bytes.
const leastBytes = 1 << 17;
// The limits on memory, each with a value that is enough for most programs.
const memoryLimits: Readonly<Record<string, number>> = { as: 2 ** 28, data: 2 ** 28, stack: 2 ** 23 };

/** A warning for each limit on memory with which hardly any program can start. */
export function findTinyLimits({
  request,
}: Pick<PreparedLaunch, 'request'>): readonly Pick<DirectoryFinding, 'message' | 'hint'>[] {
  return request.rlimits
    .filter(([name, { soft }]) => memoryLimits[name] !== undefined && soft < leastBytes)
    .map(([name, { soft }]) => ({
      message: `the resource limit ${name} is ${soft} bytes: hardly any program can start with it`,
      hint: `it counts in bytes, as in --rlimit ${name}=${memoryLimits[name]}`,
    }));
}

// The value of an environment variable, as latin1. It compares the `=` first, because this runs in each launch.
function valueOf(env: readonly Buffer[], name: string): string | undefined {
  const isIt = (variable: Buffer): boolean =>
    variable[name.length] === 0x3d && variable.toString('latin1', 0, name.length) === name;
  return env.find(isIt)?.toString('latin1', name.length + 1);
}

// These names mean UTC; no file is needed.
const UTC =
  'UTC GMT UCT Zulu Universal Greenwich Etc/UTC Etc/GMT Etc/UCT Etc/Zulu Etc/Universal Etc/Greenwich'.split(
    ' ',
  );

/**
 * The name of the file that TZ refers to; undefined for UTC and for a rule, such as `JST-9` or `CET-1CEST,M3.5.0/2,M10.5.0`. A
 * rule has a number before any slash (POSIX.1-2024, 8.3).
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

/** The warning for a time zone file that the jail lacks: the C library silently uses UTC (tzset(3)). */
export function findMissingZone(launch: PreparedLaunch): readonly DirectoryFinding[] {
  const { execve } = launch;
  const name = zoneNamed(valueOf(execve.env, 'TZ') ?? '');
  if (name === undefined) return [];
  const { view } = launch;
  const directory = valueOf(execve.env, 'TZDIR') ?? '/usr/share/zoneinfo';
  const path = joinPath(directory as BytePath, name as BytePath);
  if (walk(view.root, path).kind === 'found') return [];
  return [
    {
      refuses: false,
      path: showPath(path),
      message: `TZ=${showPath(name as BytePath)}: ${showPath(path)} is not in the jail: times are shown in UTC`,
      hint: existsSync(pathBytes(path)) ? copyCommand(view, path) : 'the host does not have it either',
    },
  ];
}
