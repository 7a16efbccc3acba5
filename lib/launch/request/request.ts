// The option table: one row for each key of a launch request, with its options of the command. The types of the request and
// of its normal form, the list of keys, the options of each command and --help are made from these rows. A test compares
// the tables of the manual with them.
import type { UsageError } from '../../errors.ts';
import { checkKeys, isPlain, reading } from '../../values/keys.ts';
import { flag, list, optional } from '../../values/validators.ts';
import { atOnce, wrong } from '../../values/wrong.ts';
import { quote } from '../../words/quote.ts';
import { foreignKeys } from './foreign-keys.ts';
import { isolationRows } from './isolation-rows.ts';
import * as text from './launch-option.ts';
import { launchOption } from './launch-option.ts';
import { limitKeyRows } from './limit-rows.ts';
import { onOff, type GivenOf, type NormalOf, type Row, type Rows, type Values } from './option-row.ts';
import { noDescriptors, processRows } from './process-rows.ts';
import { terminalRows } from './terminal-rows.ts';
import * as to from './value.ts';

/** A user or group as it was asked for: by name, by number, or either (a name of digits). */
export interface Principal {
  readonly name?: string;
  readonly id?: number;
  readonly text: string;
  /** `auto`: an id of the launch's own (lib/launch/host/own-id.ts), which `id` is once it is taken. */
  readonly isAuto?: true;
}

/** Ids for `auto`: those of systemd's dynamic users (systemd.exec(5), DynamicUser=), which no distribution gives to accounts. */
export const ownIds = { first: 61_184, last: 65_519 } as const;

/** uid_t and gid_t, less (uid_t)-1, which set*id(2) takes for "unchanged". */
export const maxId = 2 ** 32 - 2;

const principal = (key: string, value: unknown): UsageError =>
  wrong({ key, value, expected: `a name, or an id from 0 to ${maxId}`, example: 'nobody' });

/**
 * A user or group. Numbers are plain decimal: what other tools read as 0 (`00`, `-0`, ` 0`, `4294967296`) is a name here,
 * and so unknown.
 */
export function toPrincipal(value: unknown, key: string): Principal {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxId)
    return { id: value, text: String(value) };
  if (typeof value !== 'string' || value.includes('\0')) throw principal(key, value);
  const match = /^(\+?)(0|[1-9][0-9]{0,9})$/.exec(value);
  const id = match?.[2] === undefined ? Number.NaN : Number(match[2]);
  if (match?.[1] === '+') return id <= maxId ? { id, text: value } : { text: value };
  return id <= maxId ? { name: value, id, text: value } : { name: value, text: value };
}

/** The user and the group of USER:GROUP, or of two values. */
function toUserAndGroup(
  user: unknown,
  group: unknown,
): { readonly user: Principal; readonly group: Principal | undefined } {
  const colon = typeof user === 'string' ? user.indexOf(':') : -1;
  if (typeof user !== 'string' || colon < 0) {
    return {
      user: toPrincipal(user, 'user'),
      group: group === undefined ? undefined : toPrincipal(group, 'group'),
    };
  }
  if (group !== undefined) throw atOnce('group', 'user', `${quote(user)} has a group`);
  const after = user.slice(colon + 1);
  if (after === '')
    throw wrong({
      key: 'user',
      value: user,
      expected: 'USER, or USER:GROUP with a group',
      example: user.slice(0, colon),
    });
  return { user: toPrincipal(user.slice(0, colon), 'user'), group: toPrincipal(after, 'group') };
}

// setgroups(2)
const groupList = list(toPrincipal, ['audio'], { most: 65_536 });

/** undefined: the user's own. */
function toGroups(
  value: readonly (string | number)[] | undefined,
  key: string,
  { clearGroups }: Values,
): readonly Principal[] | undefined {
  if (value !== undefined && clearGroups === true) throw atOnce(key, 'clearGroups');
  if (value === undefined) return clearGroups === true ? [] : undefined;
  return groupList(value, key);
}

/** By key of the request, in the order of the manual. */
const table = {
  /**
   * NAME, NAME:GROUP, UID or UID:GID on the host. A name is tried first; `+N` is always a number. `auto`: an id that no account and no
   * other launch has.
   */
  user: {
    type: 'string, number',
    default: 'required',
    always: true,
    from: ['rootless'],
    normal: (value: string | number, _: string, { group, rootless }: Values): Principal => {
      const { user } = toUserAndGroup(value, group);
      if (user.name !== 'auto') return user;
      // in a user namespace an id is only a name for the caller's
      return rootless === true ? { id: ownIds.first, text: 'auto' } : { text: 'auto', isAuto: true };
    },
  },
  /** Absolute path of the jail's directory on the host. */
  jail: { type: 'Bytes', default: 'required', always: true, setUp: true, normal: to.toJail },
  /** Group instead of the user's own, by name or gid; not together with `:GROUP`. */
  group: {
    type: 'string, number',
    default: "the user's own",
    from: ['user'],
    normal: (value: string | number | undefined, _: string, { user }: Values) =>
      value === undefined && user === undefined ? undefined : toUserAndGroup(user, value).group,
  },
  /** Supplementary groups instead of the user's own, by name or gid. */
  groups: {
    type: 'array of string, number',
    default: "the user's own",
    from: ['clearGroups'],
    normal: toGroups,
    options: () => [
      launchOption(
        'Identity',
        '--groups G1,G2...',
        "supplementary groups instead of the user's own",
        ({ text }) => (text === '' ? [] : text.split(',')),
      ),
    ],
  },
  /** No supplementary groups. */
  clearGroups: onOff('Identity', '--clear-groups', 'no supplementary groups'),
  /** Capabilities that the program keeps, such as `net_bind_service`. */
  caps: {
    type: 'array of strings',
    default: '`[]`',
    setUp: true,
    normal: to.toCapabilities,
    options: () => [
      launchOption(
        'Identity',
        '--cap NAME',
        'keep this capability, such as net_bind_service; may be repeated',
        text.addNames,
      ),
    ],
  },
  /** Allow uid 0 or gid 0. */
  allowRoot: { ...onOff('Identity', '--allow-root', 'allow uid 0 or gid 0'), setUp: true },
  /** Let set-user-ID programs and file capabilities work in the jail. */
  allowNewPrivs: {
    ...onOff('Identity', '--allow-new-privs', 'let set-user-ID programs work in the jail'),
    setUp: true,
  },
  /** Accept a jail that the user could replace, and a bind that leads out of the jail. */
  insecurePath: {
    ...onOff(
      'Jail',
      '--insecure-path',
      'accept a jail that the user could replace, and a bind that leads out',
    ),
    setUp: true,
  },
  ...isolationRows,
  /** Path in the jail; without it the user's shell if the jail has it, else /bin/sh. */
  program: {
    type: 'Bytes',
    default: "the user's shell if the jail has it, else `/bin/sh`, with `-i`",
    normal: to.toProgram,
  },
  /** Arguments after the program's name. */
  args: { type: 'array of Bytes', default: '`[]`', normal: to.toArguments },
  ...processRows,
  ...limitKeyRows,
  ...terminalRows,
  /** Kill the program when the starting process ends. */
  dieWithParent: {
    ...onOff('Process', '--die-with-parent', 'SIGKILL when the starting process ends'),
    setUp: true,
  },
  /** Descriptor to which one JSON object a line is written: started, failed, exited. */
  statusFd: {
    type: 'number',
    default: '–',
    normal: optional(to.descriptor()),
    options: () => [
      launchOption(
        'Reports',
        '--status-fd N',
        'write {"event":"started"|"failed"…} lines to descriptor N',
        text.parseNumeric,
        noDescriptors,
      ),
    ],
  },
  /** Path on the host to which the program's pid is written. */
  pidFile: {
    type: 'string',
    default: '–',
    normal: to.toPidFile,
    options: () => [
      launchOption('Reports', '--pid-file FILE', 'write the pid to FILE on the host', text.parseText),
    ],
  },
  /** Look for missing interpreters and shared libraries before the launch. */
  checkProgram: { type: 'boolean', default: 'false', normal: flag },
} as const satisfies Rows;

type Table = typeof table;
type Given = GivenOf<Table>;

/** What to start, in which jail, as whom. Everything but `user` and `jail` has a default. */
export interface LaunchRequest extends Pick<Given, 'user' | 'jail'>, Partial<Omit<Given, 'user' | 'jail'>> {}

/** The normal form of a LaunchRequest. */
export type NormalRequest = NormalOf<Table>;

/** The keys on which the steps before execve depend. */
export type SetUpKey = {
  [Key in keyof Table]: Table[Key] extends { readonly setUp: true } ? Key : never;
}[keyof Table];

/** The rows of the table, by key. */
export const launchRows: Table = table;

/** Every key of a LaunchRequest. */
export const launchKeys: ReadonlySet<string> = new Set(Object.keys(table));

let setUp: readonly SetUpKey[] | undefined;

/** The keys on which the steps before execve depend. */
export function setUpKeys(): readonly SetUpKey[] {
  setUp ??= Object.entries<Row>(table).flatMap(([key, row]) => (row.setUp ? [key as SetUpKey] : []));
  return setUp;
}

/**
 * A function that makes the normal form of requests with the keys of a table. It throws a UsageError for unknown keys, wrong types,
 * NUL bytes, ids outside 0…2^32-2, relative jail paths.
 */
export function normalizer<Table extends Rows>(table: Table): (request: object) => NormalOf<Table> {
  const rows = Object.entries<Row>(table);
  const keys: ReadonlySet<string> = new Set(rows.map(([key]) => key));
  // By key, the places of the rows that read it.
  const readers = new Map(
    rows.map(([key]) => [
      key,
      rows.flatMap(([own, { from }], place) => (own === key || from?.includes(key) === true ? [place] : [])),
    ]),
  );
  const required = rows.map(([, row]) => row.always === true);
  // The normal form where a key is not given. Nobody changes these values.
  const defaults = Object.fromEntries(
    rows.map(([key, row]) => [key, row.always ? undefined : row.normal(undefined as never, key, {})]),
  );
  const check = (request: object): void =>
    checkKeys(request, keys, "{user: 'sam', jail: '/srv/jail', program: '/bin/ls'}", () => foreignKeys);
  return (request) =>
    reading(() => {
      // Each key is read once: a getter could answer with something else the second time.
      const given: Record<string, unknown> = {};
      const isRead = [...required];
      const isUsual = typeof request === 'object' && request !== null && isPlain(request);
      if (!isUsual) check(request);
      for (const key of isUsual ? Object.keys(request) : keys) {
        const places = readers.get(key);
        if (places === undefined) check(request);
        const value = (request as Values)[key];
        if (value === undefined || places === undefined) continue;
        given[key] = value;
        for (const place of places) isRead[place] = true;
      }
      // only the rows that something was given for: this is on the way of each launch, and most requests have a few of the keys
      const normal: Record<string, unknown> = { ...defaults };
      for (let place = 0; place < rows.length; place++) {
        const row = isRead[place] === true ? rows[place] : undefined;
        if (row !== undefined) normal[row[0]] = row[1].normal(given[row[0]] as never, row[0], given);
      }
      return normal as NormalOf<Table>;
    });
}

let normalizeLaunch: ((request: LaunchRequest) => NormalRequest) | undefined;

/** The normal form of a request. @throws UsageError */
export function normalize(request: LaunchRequest): NormalRequest {
  normalizeLaunch ??= normalizer(table);
  return normalizeLaunch(request);
}
