// The option table: one row for each key of a launch request, with its options of the command. The types of the request and
// of its normal form, the list of keys, the options of each command and --help are made from these rows. A test compares
// the tables of the manual with them.
import type { UsageError } from '../../errors.ts';
import { checkKeys, isAlike, reading } from '../../values/keys.ts';
import { flag, list } from '../../values/validators.ts';
import { atOnce, wrong } from '../../values/wrong.ts';
import { quote } from '../../words/quote.ts';
import { foreignKeys } from './foreign-keys.ts';
import { isolationRows } from './isolation-rows.ts';
import { launchOption } from './launch-option.ts';
import { limitKeyRows } from './limit-rows.ts';
import { onOff, type GivenOf, type NormalOf, type Row, type Rows, type Values } from './option-row.ts';
import { processRows, reportRows, rightRows } from './process-rows.ts';
import { terminalRows } from './terminal-rows.ts';
import { addUntrusted } from './untrusted.ts';
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
  ...rightRows,
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
  ...reportRows,
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

type KeyedRow = readonly [key: string, row: Row];

/**
 * Makes normal forms of the keys of one table. A service starts the same program again and again, so the last request is kept: a text, a
 * number or a boolean that comes again is not read again, and keys that say the same have the same normal form, by identity.
 */
class TableReader {
  readonly #rows: readonly KeyedRow[];
  // By key, the places of the rows that it can give a value.
  readonly #places: ReadonlyMap<string, readonly number[]>;
  readonly #keeps: boolean;
  #given: Values = {};
  // At first the normal forms where no key is given. Nobody changes these values.
  #normal: Values;
  #isFirst = true;

  /** @param keeps whether objects may be kept: streams and signals may not */
  constructor(table: Rows, keeps: boolean) {
    this.#rows = Object.entries<Row>(table);
    this.#keeps = keeps;
    const places = new Map<string, number[]>();
    const usual: Record<string, unknown> = {};
    for (const [place, [key, { from = [], always, normal }]] of this.#rows.entries()) {
      for (const one of [key, ...from]) places.set(one, [...(places.get(one) ?? []), place]);
      usual[key] = always ? undefined : normal(undefined as never, key, {});
    }
    this.#places = places;
    this.#normal = usual;
  }

  /** @throws UsageError */
  read(given: Values): Values {
    const own: Record<string, unknown> = {};
    const isRead: (boolean | undefined)[] = [];
    let isSame = !this.#isFirst;
    let isKept = true;
    const read = (places: readonly number[] = []): void => {
      isSame = false;
      for (const place of places) isRead[place] = true;
    };
    for (const key in given) {
      const places = this.#places.get(key);
      if (places === undefined) continue;
      const value = given[key];
      own[key] = value;
      // the content of an object can change
      if (typeof value === 'object' || typeof value === 'function') isKept = this.#keeps;
      else if (value === this.#given[key]) continue;
      read(places);
    }
    for (const key in this.#given) if (own[key] === undefined) read(this.#places.get(key));
    if (isSame) return this.#normal;
    const normal = this.#readRows(isRead, given);
    if (isKept) [this.#given, this.#normal, this.#isFirst] = [own, normal, false];
    return normal;
  }

  #readRows(isRead: readonly (boolean | undefined)[], given: Values): Values {
    const before = this.#normal;
    let normal: Record<string, unknown> | undefined;
    for (let place = 0; place < this.#rows.length; place++) {
      const [key, { always, normal: toNormal }] = this.#rows[place] as KeyedRow;
      // a row with three parameters judges its value by other keys
      const isJudged = given[key] === undefined ? always === true : toNormal.length > 2;
      if (!isJudged && isRead[place] !== true) continue;
      const value = toNormal(given[key] as never, key, given);
      if (this.#isFirst || !isAlike(value, before[key])) (normal ??= { ...before })[key] = value;
    }
    return normal ?? before;
  }
}

let launchReader: TableReader | undefined;

const readLaunch = (given: Values): NormalRequest =>
  (launchReader ??= new TableReader(table, true)).read(given) as NormalRequest;

// The keys of a request. Each is read once: a getter could answer with something else the second time.
function givenIn(request: object, known: ReadonlySet<string>): Values {
  const check = (): void =>
    checkKeys(request, known, "{user: 'sam', jail: '/srv/jail', program: '/bin/ls'}", () => foreignKeys);
  // an object that is not plain can inherit keys, or have getters
  const isPlain = Object.getPrototypeOf(request ?? 0) === Object.prototype;
  if (!isPlain) check();
  const given: Record<string, unknown> = {};
  for (const key of isPlain ? Object.keys(request) : known) {
    if (!known.has(key)) check();
    const value = (request as Values)[key];
    if (value !== undefined) given[key] = value;
  }
  if (given.untrusted !== undefined) addUntrusted(given, (key) => known.has(key));
  return given;
}

/**
 * A function that makes the normal forms of requests: of the keys of a launch, and of further ones. It throws a UsageError for unknown
 * keys, wrong types, NUL bytes, ids outside 0…2^32-2, relative jail paths.
 */
export function normalizer<More extends Rows>(
  more: More,
): (request: object) => readonly [NormalRequest, NormalOf<More>] {
  const reader = new TableReader(more, false);
  const known: ReadonlySet<string> = new Set([...launchKeys, ...Object.keys(more)]);
  return (request) =>
    reading(() => {
      const given = givenIn(request, known);
      return [readLaunch(given), reader.read(given) as NormalOf<More>];
    });
}

/** The normal form of a request. @throws UsageError */
export function normalize(request: LaunchRequest): NormalRequest {
  return reading(() => readLaunch(givenIn(request, launchKeys)));
}
