// The ids of the host that an ordinary user may use besides his own, and what they are in a user namespace: subuid(5), subgid(5),
// user_namespaces(7). Pure.
import { reason, errnoName } from '../../words/errno.ts';
import { LaunchError } from '../../errors.ts';
import type { Passwd, SubordinateFacts } from '../../native.ts';
import { quote } from '../../words/quote.ts';

/** Ids one after the other. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** One line of /proc/PID/uid_map: `count` ids from `inside` on are those from `outside` on of the host. */
export interface IdMapping {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** The maps of a user namespace, by ids inside. */
export interface IdMaps {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

const idLimit = 2 ** 32 - 1;

interface OwnedRange extends IdRange {
  readonly owner: string;
}

// Lines in another form than `name:first:count` are ignored, as by newuidmap(1). A range that contains the host's root is ignored too:
// the program could become root of the host.
function linesOf(text: string): readonly OwnedRange[] {
  return text.split('\n').flatMap((line) => {
    const [, owner = '', first = '', count = ''] = /^([^:]+):(\d+):(\d+)$/.exec(line.trim()) ?? [];
    const range = { owner, first: Number(first), count: Number(count) };
    const isFit = range.first > 0 && range.count > 0 && range.first + range.count <= idLimit;
    return owner === '' || !isFit ? [] : [range];
  });
}

const overlaps = (a: IdRange, b: IdRange): boolean =>
  a.first < b.first + b.count && b.first < a.first + a.count;

/**
 * The ranges that the text of /etc/subuid or /etc/subgid gives to a user, in its order. An id can be mapped once (EINVAL), so a range
 * that overlaps with an earlier one, or has the user's own id in it, is left out.
 *
 * @param own the id that is mapped anyway
 */
export function rangesOf(
  text: string,
  { name, uid }: Pick<Passwd, 'name' | 'uid'>,
  own: number,
): readonly IdRange[] {
  const ranges: IdRange[] = [{ first: own, count: 1 }];
  for (const { owner, first, count } of linesOf(text)) {
    const range = { first, count };
    const isHis = owner === name || owner === String(uid);
    if (isHis && !ranges.some((one) => overlaps(one, range))) ranges.push(range);
  }
  return ranges.slice(1);
}

/**
 * The map that `unshare --map-auto --map-user=ID` makes: `inside` is `own` of the host, and the other ids inside, from 0 on, are those of
 * the ranges. If the ranges end before `inside`, the ids between are not mapped.
 */
export function mapRanges(inside: number, own: number, ranges: readonly IdRange[]): readonly IdMapping[] {
  const below: IdMapping[] = [];
  const above: IdMapping[] = [];
  let next = 0;
  for (const { first, count } of ranges) {
    const under = Math.max(0, Math.min(count, inside - next));
    if (under > 0) below.push({ inside: next, outside: first, count: under });
    if (under < count)
      above.push({ inside: Math.max(next, inside + 1), outside: first + under, count: count - under });
    next = under < count ? Math.max(next, inside + 1) + count - under : next + count;
  }
  return [...below, { inside, outside: own, count: 1 }, ...above];
}

/** The id of the host for one inside; undefined if it has none. */
export function outsideOf(map: readonly IdMapping[], id: number): number | undefined {
  const line = map.find(({ inside, count }) => id >= inside && id < inside + count);
  return line === undefined ? undefined : line.outside + id - line.inside;
}

/** Whether an id of the host has one inside. */
export function isMapped(map: readonly IdMapping[], id: number): boolean {
  return map.some(({ outside, count }) => id >= outside && id < outside + count);
}

const files = { uids: '/etc/subuid', gids: '/etc/subgid' } as const;

/** The command that gives a user ids which nobody has yet. */
function giveHint(name: string, texts: readonly string[]): string {
  const ends = texts.flatMap(linesOf).map(({ first, count }) => first + count);
  const first = Math.max(100_000, ...ends);
  const range = `${first}-${first + 65_535}`;
  return `sudo usermod --add-subuids ${range} --add-subgids ${range} ${quote(name)}`;
}

function refusal(message: string, hint: string, path?: string): LaunchError {
  return new LaunchError(`map_ids: ${message}`, {
    step: 'map_ids',
    code: 'ERR_NO_SUBORDINATE_IDS',
    path,
    hint,
  });
}

function ownerOf({ owner }: SubordinateFacts, uid: number): Passwd {
  if (owner !== null && typeof owner === 'object') return owner;
  const why = typeof owner === 'number' ? `: ${reason(owner)}` : '';
  throw refusal(
    `uid ${uid} has no account on this host, to which subordinate ids could belong${why}`,
    'leave --map-auto out, or make an account for it: useradd(8)',
  );
}

function textOf(facts: SubordinateFacts, kind: keyof typeof files): string {
  const text = facts[kind];
  const path = files[kind];
  if (typeof text !== 'number') return Buffer.from(text).toString('latin1');
  // Without the file nobody has a range.
  if (errnoName(text) === 'ENOENT') return '';
  throw new LaunchError(`map_ids: ${path}: ${reason(text)}`, {
    step: 'map_ids',
    code: errnoName(text),
    errno: text,
    path,
  });
}

/**
 * The maps for a caller whose ids are called `inside`.
 *
 * @throws LaunchError ERR_NO_SUBORDINATE_IDS if he has no account or no range
 */
export function toIdMaps(
  facts: SubordinateFacts,
  own: { readonly uid: number; readonly gid: number },
  inside: { readonly uid: number; readonly gid: number },
): IdMaps {
  const owner = ownerOf(facts, own.uid);
  const texts = { uids: textOf(facts, 'uids'), gids: textOf(facts, 'gids') };
  const mapOf = (kind: keyof typeof files, id: number, called: number): readonly IdMapping[] => {
    const ranges = rangesOf(texts[kind], owner, id);
    if (ranges.length > 0) return mapRanges(called, id, ranges);
    const hint = giveHint(owner.name, Object.values(texts));
    throw refusal(`${files[kind]} gives no ids to ${quote(owner.name)}`, hint, files[kind]);
  };
  return { uids: mapOf('uids', own.uid, inside.uid), gids: mapOf('gids', own.gid, inside.gid) };
}

/**
 * The supplementary groups inside, in the order of their ids of the host, in which the kernel gives them back.
 *
 * @throws LaunchError ERR_NO_SUBORDINATE_IDS if one has no id of the host
 */
export function requireMapped(groups: readonly number[], { gids }: IdMaps): readonly number[] {
  const missing = groups.filter((gid) => outsideOf(gids, gid) === undefined);
  if (missing.length > 0) {
    const count = gids.reduce((sum, line) => sum + line.count, 0);
    throw refusal(
      `group ${missing.join(',')} of the program is beyond the ${count} ids that ${files.gids} gives to the caller`,
      'give the groups with --groups or --clear-groups, or the caller more ids: sudo usermod --add-subgids FIRST-LAST',
      files.gids,
    );
  }
  return groups.toSorted((a, b) => (outsideOf(gids, a) ?? 0) - (outsideOf(gids, b) ?? 0));
}
