// Warnings of a launch; a service gets them as process warnings.
import { existsSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes, showPath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import { describedNames } from '../host/environment.ts';
import type { Launch } from '../plan/launch.ts';
import type { NormalRequest } from '../request/request.ts';
import type { JailView } from './jail-view.ts';
import { copyCommand } from './program-hint.ts';

type Warning = Pick<DirectoryFinding, 'message' | 'hint'>;

const warned = new Set<string>();

/** Emits process warnings, each once. */
export function warnOnce(
  warnings: readonly Warning[],
  code: 'UCHROOT_JAIL' | 'UCHROOT_ENV' = 'UCHROOT_JAIL',
): void {
  for (const { message, hint } of warnings) {
    if (warned.has(message)) continue;
    warned.add(message);
    process.emitWarning(message, { code, detail: `hint: ${hint}` });
  }
}

// The variables of this process that a program gets in any case, or for which it has values of its own.
const harmless: ReadonlySet<string> = new Set([
  ...describedNames,
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
]);
let ownNames: readonly string[] | undefined;

/** The warning for an `env` with all variables of this process. Its names are read once: process.env is slow. */
export function findWholeEnvironment({ env }: Pick<NormalRequest, 'env'>): readonly Warning[] {
  if (env.length === 0) return [];
  ownNames ??= Object.keys(process.env);
  const [first] = ownNames;
  if (env.length < ownNames.length || !env.some(([name]) => name === first)) return [];
  const given = new Map(env);
  const isWhole = ownNames.every((name) => given.get(name) !== undefined);
  if (!isWhole || !ownNames.some((name) => !harmless.has(name) && given.get(name) === process.env[name]))
    return [];
  return [
    {
      message:
        'env has all variables of this process: the program gets them all, with PATH, LD_PRELOAD and any secrets among them',
      hint: "write passEnv: ['NAME'] for the variables that the program needs, or keepEnv: true for all but dangerous ones",
    },
  ];
}

// A C library alone needs more. The kernel ends a program by SIGSEGV, without a word, if its stack or its segments do not fit
// (execve(2)); ulimit of a shell counts in KiB, and setrlimit(2) in bytes.
const leastBytes = 1 << 17;
// The limits on memory, each with a value that is enough for most programs.
const memoryLimits: Readonly<Record<string, number>> = { as: 2 ** 28, data: 2 ** 28, stack: 2 ** 23 };

/** A warning for each limit on memory with which hardly any program can start. */
export function findTinyLimits({ request }: Pick<Launch, 'request'>): readonly Warning[] {
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
export function findMissingZone(env: readonly Buffer[], viewOf: () => JailView): readonly DirectoryFinding[] {
  const name = zoneNamed(valueOf(env, 'TZ') ?? '');
  if (name === undefined) return [];
  const view = viewOf();
  const directory = valueOf(env, 'TZDIR') ?? '/usr/share/zoneinfo';
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
