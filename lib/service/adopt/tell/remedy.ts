// Remedies that need a look at the host: for a unit that is not there, and for a service that does not come up in its jail.
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { native } from '../../../native.ts';
import { nearest } from '../../../words/nearest.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { lookOr } from '../../../words/system-error.ts';
import { loadPaths } from '../../unit/present-unit.ts';
import { defaultSearch } from '../systemd-bus.ts';
import { isData } from '../installed/service-paths.ts';
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

// The capability for which the kernel refuses a call with EPERM (capabilities(7)).
const capabilityOf: readonly (readonly [call: RegExp, capability: string])[] = [
  [/\bf?l?chown(?:at)?\b/, 'chown'],
  [/\bf?chmod(?:at)?\b|\butimes?\b/, 'fowner'],
  [/\b(?:setgroups|initgroups|sete?gid|setre[gs]*id)\b/, 'setgid'],
  [/\b(?:sete?uid|setre[us]*id)\b/, 'setuid'],
  [/\bmlock(?:all|2)?\b/i, 'ipc_lock'],
  [/\b(?:setrlimit|prlimit|RLIMIT_\w+)\b/i, 'sys_resource'],
  [/\b(?:nice|setpriority|sched_set\w+)\b/i, 'sys_nice'],
  [/\bchroot\b/, 'sys_chroot'],
  [/\bSOCK_RAW\b|\braw socket\b/i, 'net_raw'],
  [/\b(?:adjtimex|clock_settime|settimeofday)\b/, 'sys_time'],
  [/\bSO_BINDTODEVICE\b|\bnetlink\b/i, 'net_admin'],
];

// A call and its refusal may stand on two lines.
function refusedCapabilities(words: string, has: readonly string[]): readonly string[] {
  const near = words.match(/[^\n]*(?:\n[^\n]*)?(?:Operation not permitted|\bEPERM\b)/gi) ?? [];
  const found = near.flatMap((text) =>
    capabilityOf.flatMap(([call, capability]) => (call.test(text) ? [capability] : [])),
  );
  return [...new Set(found)].filter((capability) => !has.includes(capability));
}

// Accounts of the host in a line that says that there is no such account.
function missedAccounts(words: string): readonly string[] {
  const lines = words
    .split('\n')
    .filter((line) => /\b(?:user|group|account|getpwnam|getgrnam|uid|gid)\b/i.test(line))
    .filter((line) => /\b(?:no|not|unknown|invalid|bad|fail\w*|can't|cannot|unable)\b/i.test(line));
  const names = lines.flatMap((line) => line.match(/[A-Za-z_][\w-]*/g) ?? []);
  return [...new Set(names)].filter((name) => (native.getpwnam(name)?.uid ?? 0) !== 0);
}

const allOf = (words: string, pattern: RegExp): readonly string[] =>
  [...words.matchAll(pattern)].flatMap((found) => found.slice(1).find((one) => one !== undefined) ?? []);

const existing = (paths: readonly string[]): readonly string[] =>
  [...new Set(paths)].filter((path) => existsSync(path));

/** What is known of a service that does not come up, beside its last words. */
export interface Known {
  /** Its capabilities. */
  readonly caps: readonly string[];
  /** Paths of the host that it names, and that are not in its jail. */
  readonly unseen: readonly string[];
}

/** The hint for a service that does not come up in its jail. @param words the last words of the service */
export function needsHint(words: string, { caps, unseen }: Known = { caps: [], unseen: [] }): string {
  const programs = allOf(words, /(?:^|[\s:])([\w.+/-]+): (?:command )?not found/gm).flatMap((name) =>
    existing(name.startsWith('/') ? [name] : defaultSearch.map((directory) => `${directory}/${name}`)).slice(
      0,
      1,
    ),
  );
  const missing = existing(
    allOf(
      words,
      /(\/[^\s:'"()]+)['")]*: No such file|No such file or directory(?::|, \w+)? ['"(]?(\/[^\s:'"()]+)/gi,
    ),
  ).filter((path) => !programs.includes(path));
  const unwritable = existing(
    allOf(words, /(\/[^\s:'"()]+)['")]*: (?:Read-only file system|Permission denied)/gi).map((path) =>
      existsSync(path) ? path : dirname(path),
    ),
  ).filter(isData);
  const accounts = missedAccounts(words);
  const refused = refusedCapabilities(words, caps);
  const options = [
    ...programs.map((path) => ['--program', path] as const),
    ...[...missing, ...unseen]
      .filter((path) => !unwritable.includes(path))
      .map((path) => ['--ro-bind', path] as const),
    ...unwritable.map((path) => ['--bind', path] as const),
    ...accounts.map((name) => ['--account', name] as const),
    ...refused.map((name) => ['--cap', name] as const),
  ];
  if (options.length === 0)
    return 'if it needs a file or program of the host that nothing names: --ro-bind PATH, --bind PATH or --program PATH';
  const named = [
    ...programs.map((path) => path.replace(/^.*\//, '')),
    ...new Set([...missing, ...unseen, ...unwritable]),
    ...accounts.map((name) => `the account ${name}`),
    ...refused.map((name) => `CAP_${name.toUpperCase()}`),
  ];
  const accepted = missing.map(acceptance).find((text) => text !== '') ?? '';
  const list = named.length === 1 ? named.join() : `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
  return `if it needs ${list} of the host: ${commandLine(...options.flat())}${accepted}`;
}
