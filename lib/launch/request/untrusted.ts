// The named set of options for code that nobody trusts: each key that it sets is an ordinary one, and whoever writes the key changes it. Pure.
import { wrong } from '../../values/wrong.ts';
import { landlockDetails } from './landlock-value.ts';
import type { Values } from './option-row.ts';

/** What `untrusted` has set: the options, and those that the caller has given otherwise. */
export interface Untrusted {
  readonly options: readonly string[];
  readonly changed: readonly string[];
}

/** One key of the set. */
interface Part {
  readonly key: string;
  readonly value: unknown;
  /** The same as an option of the command; undefined for a key of the library alone. */
  readonly option?: string;
  /** Whether the caller has asked for something in its place. */
  readonly isReplaced?: (given: Values) => boolean;
}

const isOn = (value: unknown): boolean => value !== undefined && value !== false;
const landlockKeys = ['landlock', ...landlockDetails];

const limits: readonly Part[] = [
  { key: 'memory', value: '256M', option: '--memory 256M' },
  { key: 'pids', value: 64, option: '--pids 64' },
  { key: 'cpu', value: 1, option: '--cpu 1' },
  { key: 'time', value: 10, option: '--time 10', isReplaced: (given) => given.timeoutMs !== undefined },
  { key: 'killSignal', value: 'SIGKILL', option: '--kill-signal SIGKILL' },
  { key: 'rlimits', value: { nofile: 256 }, option: '--rlimit nofile=256' },
  { key: 'rlimits', value: { core: 0 }, option: '--rlimit core=0' },
];

// The names of the levels, and the part that differs.
const walls = {
  root: { key: 'isolate', value: true, option: '--isolate' },
  rootless: { key: 'rootless', value: true, option: '--rootless' },
} as const;

/** The set, in the order of --help=untrusted. */
export const partsOf = (level: keyof typeof walls): readonly Part[] => [
  { key: 'user', value: 'auto' },
  { key: 'share', value: 'none' },
  walls[level],
  { key: 'readOnly', value: true, option: '--read-only', isReplaced: (given) => isOn(given.ephemeral) },
  {
    key: 'view',
    value: [{ tmpfs: '/tmp', size: 16 * 2 ** 20, noexec: true }],
    option: '--tmpfs /tmp:size=16M,noexec',
  },
  { key: 'view', value: [{ proc: '/proc' }], option: '--proc /proc' },
  { key: 'view', value: [{ dev: '/dev' }], option: '--dev /dev' },
  { key: 'newSession', value: true, option: '--new-session', isReplaced: (given) => isOn(given.pty) },
  { key: 'dieWithParent', value: true, option: '--die-with-parent' },
  {
    key: 'landlockAbi',
    value: 'any',
    option: '--landlock-abi any',
    isReplaced: (given) => landlockKeys.some((key) => given[key] !== undefined),
  },
  { key: 'noSetId', value: true, option: '--no-set-id' },
  ...limits,
];

function toLevel(value: unknown): keyof typeof walls | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return 'root';
  if (value === 'rootless') return value;
  throw wrong({ key: 'untrusted', value, expected: "true, false or 'rootless'", example: true });
}

/** The value of `--untrusted[=rootless]`. @throws UsageError for another word */
export function parseUntrusted(text: string): true | 'rootless' {
  if (text === '') return true;
  if (text === 'rootless') return text;
  throw wrong({
    key: '--untrusted',
    value: text,
    expected: "given alone or with 'rootless'",
    hint: 'write --untrusted, or --untrusted=rootless without root; leave it out for a launch without the set',
  });
}

/** Whether a request has the set, and so a user: `auto` if it names none. */
export const isUntrusted = ({ untrusted }: { readonly untrusted?: unknown }): boolean => isOn(untrusted);

// Where an entry of a view is, as text. What is no entry is refused later.
const placeOf = (entry: Values): string =>
  String(entry.to ?? entry.tmpfs ?? entry.proc ?? entry.dev ?? entry.dir ?? entry.writable);

/** What addUntrusted() has put into a request. @throws UsageError for an unknown level */
export function toUntrusted(value: boolean | 'rootless' | undefined): Untrusted | undefined {
  if (isObject(value)) return value as unknown as Untrusted;
  toLevel(value);
  return undefined;
}

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null;

// The value of a key with a part of the set, or undefined if the caller's takes its place. Mounts and resource limits add up.
function joined(before: unknown, own: unknown, value: unknown): unknown {
  if (Array.isArray(value)) {
    if (own !== undefined && !Array.isArray(own)) return undefined;
    const [entry] = value as readonly Values[];
    const isTaken = (own ?? []).some(
      (one: unknown) => isObject(one) && placeOf(one) === placeOf(entry ?? {}),
    );
    const others = ((before ?? []) as readonly unknown[]).filter((one) => !(own ?? []).includes(one));
    return isTaken ? undefined : [...others, ...value, ...(own ?? [])];
  }
  if (isObject(value)) {
    if (own !== undefined && !isObject(own)) return undefined;
    return Object.keys(value).some((name) => own?.[name] !== undefined)
      ? undefined
      : { ...value, ...(before as object) };
  }
  return own === undefined ? value : undefined;
}

/**
 * Adds the keys of `untrusted` to those of a request, where the caller has written none.
 *
 * @param isKey whether requests of this kind have the key
 * @throws UsageError for an unknown level
 */
export function addUntrusted(given: Record<string, unknown>, isKey: (key: string) => boolean): void {
  const level = toLevel(given.untrusted);
  if (level === undefined) return;
  const own = { ...given };
  const [options, changed]: [string[], string[]] = [[], []];
  for (const { key, value, option, isReplaced } of partsOf(level)) {
    if (!isKey(key)) continue;
    const all = isReplaced?.(own) === true ? undefined : joined(given[key], own[key], value);
    if (all !== undefined) given[key] = all;
    if (option !== undefined) (all === undefined ? changed : options).push(option);
  }
  given.untrusted = { options, changed } satisfies Untrusted;
}
