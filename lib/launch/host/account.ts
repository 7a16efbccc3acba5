// The account that the program runs as, from the answers of the host's user database. Pure but for the hint for a misspelt name.
import { readFileSync } from 'node:fs';

import { exitStatuses, LaunchError } from '../../errors.ts';
import type { HostFacts, HostQuery } from '../../native.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import type { Person } from '../../trust/writer.ts';
import { errnoName, reason } from '../../words/errno.ts';
import type { NormalRequest, Principal } from '../request/request.ts';
import type { IdMaps } from './subordinate-ids.ts';

/** Who the program is on the host, if it has other ids in its user namespace: the caller of a launch without root. */
export interface Outside {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. Without `maps` nobody can give them up. */
  readonly groups: readonly number[];
  /** Of a launch with a range of ids; without it the uid and the gid alone have ids inside. */
  readonly maps?: IdMaps;
}

/** The identity of a program, resolved on the host. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, each once, ascending by their ids of the host. */
  readonly groups: readonly number[];
  /** The user's groups by the host's database, with its primary group. The user has these rights in other processes. */
  readonly memberships: readonly number[];
  /** Login name; undefined for a uid without one. */
  readonly name: string | undefined;
  readonly home: string;
  readonly shell: string;
  /** Only of a rootless launch. The ids above are then those in its user namespace. */
  readonly outside?: Outside;
}

type Asked = Pick<NormalRequest, 'user' | 'group' | 'groups'> & Partial<Pick<NormalRequest, 'mapAuto'>>;

// In the order of `named` in HostFacts.
function namedGroups(asked: Asked): readonly string[] {
  return [asked.group, ...(asked.groups ?? [])].flatMap((group) =>
    group?.name === undefined ? [] : [group.name],
  );
}

/** The look-up for the account of a request. */
export function accountQuery(asked: Asked): HostQuery {
  return {
    user: asked.user.name === '' ? undefined : asked.user.name,
    uid: asked.user.id,
    groupNames: namedGroups(asked),
    owner: asked.mapAuto === true ? process.geteuid?.() : undefined,
  };
}

/** Everything that a launch asks of the host. */
export function hostQuery(request: Asked & Pick<NormalRequest, 'jail' | 'rootless'>): HostQuery {
  return { ...accountQuery(request), jail: request.jail, rootless: request.rootless };
}

/** The error for a user or group that the host does not know. */
export function unknown(kind: 'user' | 'group', text: string, hint?: string): LaunchError {
  return new LaunchError(`Unknown ${kind} ${quote(text)}`, {
    step: 'account',
    code: kind === 'user' ? 'ERR_UNKNOWN_USER' : 'ERR_UNKNOWN_GROUP',
    path: text,
    hint,
    exitStatus: kind === 'user' ? exitStatuses.unknownUser : undefined,
  });
}

function unanswered(kind: 'user' | 'group', principal: Principal, errno: number): LaunchError {
  return new LaunchError(
    `account: ${kind} ${quote(principal.text)}: the host's database did not answer: ${reason(errno)}`,
    {
      step: 'account',
      call: kind === 'user' ? 'getpwnam_r' : 'getgrnam_r',
      code: errnoName(errno),
      errno,
      hint: `try: ${kind === 'user' ? 'id' : 'getent group'} ${quote(principal.text)}`,
    },
  );
}

// UID_MIN and GID_MIN of login.defs(5).
const firstOfPeople = 1000;

// Only for a hint: the file need not have all accounts of the host (nsswitch.conf(5)). Those of people come first, so that they
// are meant if one of a service is equally near.
function namesIn(path: string): readonly string[] {
  try {
    const accounts = readFileSync(path, 'latin1')
      .split('\n')
      .filter((line) => line.indexOf(':') > 0)
      .map((line) => line.split(':'));
    const isOfService = ([, , id]: readonly string[]): number => (Number(id) < firstOfPeople ? 1 : 0);
    return accounts.toSorted((a, b) => isOfService(a) - isOfService(b)).map(([name = '']) => name);
  } catch {
    return [];
  }
}

/** A hint for a name that the host does not know. */
export function nameHint(kind: 'user' | 'group', text: string): string {
  if (text === '') return `give a ${kind}, by name or id`;
  if (text === 'auto') return `only the user of a launch can be auto; name a ${kind}`;
  if (/^[\s+-]*[0-9]+\s*$/.test(text)) return 'ids are plain decimal numbers from 0 to 4294967294';
  // no name has a colon (group(5)), and --groups separates its own at commas
  const more = kind === 'group' ? text.search(/[:,]/) : -1;
  if (more > 0)
    return `one group stands after USER: write --groups ${quote(text.slice(more + 1).replaceAll(':', ','))} for more`;
  // a list in another form: 'audio video'
  const list = text.trim().split(/[\s,]+/);
  const database = kind === 'user' ? 'passwd' : 'group';
  const names = namesIn(`/etc/${database}`);
  if (list.length > 1 && list.every((name) => names.includes(name)))
    return kind === 'group'
      ? `write ${quote(list.join(','))}`
      : `a launch has one user: write ${quote(list[0] ?? '')}`;
  const [, atHost] = /^([^@]+)@/.exec(text) ?? [];
  if (atHost !== undefined && names.includes(atHost))
    return `write ${quote(atHost)}: users are those of this host`;
  // USER.GROUP, as chown(1) of BSD took it
  const dot = text.indexOf('.');
  if (kind === 'user' && dot > 0 && names.includes(text.slice(0, dot)))
    return `write ${quote(text.slice(0, dot))}:${quote(text.slice(dot + 1))}`;
  return (
    didYouMean(text, names, quote) ??
    `the ${kind} must exist on the host: getent ${database} lists them, ${kind}add makes one`
  );
}

const sorted = (gids: readonly number[]): readonly number[] => [...new Set(gids)].toSorted((a, b) => a - b);

/** The account for the judgement of lib/trust. */
export function toPerson({ uid, gid, groups, memberships }: Account): Person {
  return { uid, gids: [...new Set([gid, ...groups, ...memberships])] };
}

/**
 * The account for a request. Names are looked up on the host, never in the jail (CVE-2025-32463, CVE-2019-14271).
 *
 * @throws LaunchError ERR_UNKNOWN_USER, ERR_UNKNOWN_GROUP, or the errno of a failed look-up
 */
export function toAccount(asked: Asked, facts: HostFacts): Account {
  if (typeof facts.passwd === 'number') throw unanswered('user', asked.user, facts.passwd);
  const entry = facts.passwd;
  const uid = entry?.uid ?? asked.user.id;
  if (uid === undefined) throw unknown('user', asked.user.text, nameHint('user', asked.user.text));

  let next = 0;
  const toGid = (group: Principal): number => {
    const answer = group.name === undefined ? undefined : facts.named[next++];
    if (answer?.errno !== undefined) throw unanswered('group', group, answer.errno);
    const gid = answer?.gid ?? group.id;
    if (gid === undefined) throw unknown('group', group.text, nameHint('group', group.text));
    return gid;
  };

  // without a group in the request it is the user's own, never the caller's gid 0
  const gid = asked.group === undefined ? entry?.gid : toGid(asked.group);
  if (gid === undefined) {
    const hint = `no account of the host has this uid: give its group as well, as ${asked.user.text}:GID`;
    throw unknown('user', asked.user.text, hint);
  }
  const supplementary =
    asked.groups === undefined ? (entry === null ? [] : [gid, ...facts.groups]) : asked.groups.map(toGid);
  const groups = sorted(supplementary);

  return Object.freeze({
    uid,
    gid,
    groups,
    memberships: entry === null ? [] : sorted([entry.gid, ...facts.groups]),
    name: entry?.name,
    home: entry?.dir || '/',
    shell: entry?.shell || '/bin/sh',
  });
}
