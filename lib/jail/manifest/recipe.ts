// The recipe of a jail: the request. With it the same jail can be built again, here or on another host.

import { type BytePath, isWithin, showPath } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { asList, asObject, asPath, asText } from './fields.ts';
import { type ImageOrigin, originFromJson, originToJson } from './image-origin.ts';
import { STORE } from './layout.ts';
import { toText } from './path-text.ts';

export interface LearnedFiles {
  readonly command: string;
  readonly files: readonly BytePath[];
  readonly directories: readonly BytePath[];
}

export interface Recipe {
  /** Absolute paths in the root that the jail is built from. */
  readonly programs: readonly BytePath[];
  readonly packages: readonly string[];
  /** Requested packs, and packs that are never added. */
  readonly packs: readonly string[];
  readonly withoutPacks: readonly string[];
  /** Paths of the jail that are left out, with all their content. */
  readonly without: readonly BytePath[];
  readonly copies: readonly { readonly from: BytePath; readonly to: BytePath }[];
  /** The files that traced commands opened. The commands are not run again. */
  readonly learned: readonly LearnedFiles[];
  /** Accounts of the host that the jail has. The jail is tested as the first of them. */
  readonly users: readonly string[];
  /** Programs that keep set-user-ID, set-group-ID and file capabilities. */
  readonly keepPrivileges: readonly BytePath[];
  /** The directory that the jail is built from; undefined for the root directory of the host. */
  readonly from?: BytePath | undefined;
  /** The image that the jail is made of, in place of programs, packages, packs and copies. */
  readonly image?: ImageOrigin | undefined;
}

// A path with a component that is empty, `.` or `..`.
const NOT_PLAIN = /\/(?:\.\.?)?(?:\/|$)/;

/** True for an absolute path without `.` and `..` that is outside the builder's directory. */
export function isDestination(path: BytePath): boolean {
  if (path === '/') return true;
  if (isWithin(path, STORE)) return false;
  return path.startsWith('/') && !NOT_PLAIN.test(path);
}

/** One kind of items that a recipe lists. */
interface Item<T> {
  /** @throws TypeError that names `key` if the value is no such item */
  read(value: unknown, key: string): T;
  write(item: T): unknown;
  /** Of items with the same value, the last one counts. */
  idOf(item: T): string;
}

const texts: Item<string> = { read: asText, write: String, idOf: String };

const paths: Item<BytePath> = { read: asPath, write: toText, idOf: String };

const copies: Item<Recipe['copies'][number]> = {
  read: (value, key) => {
    const { from, to } = asObject(value, key);
    const place = asPath(to, 'to');
    if (!isDestination(place)) throw new TypeError(`${showPath(place)} is no place for a copy`);
    return { from: asPath(from, 'from'), to: place };
  },
  write: ({ from, to }) => ({ from: toText(from), to: toText(to) }),
  idOf: ({ to }) => to,
};

const asPaths = (value: unknown, key: string) => asList(value, key).map((path) => asPath(path, key));

const learned: Item<LearnedFiles> = {
  read: (value, key) => {
    const { command, files = [], directories = [] } = asObject(value, key);
    return {
      command: asText(command, 'command'),
      files: asPaths(files, 'files'),
      directories: asPaths(directories, 'directories'),
    };
  },
  write: ({ command, ...lists }) => ({
    command,
    files: lists.files.map(toText),
    directories: lists.directories.map(toText),
  }),
  idOf: ({ command }) => command,
};

type Lists = Required<Omit<Recipe, 'from' | 'image'>>;

// The order of the text: the same recipe gives the same text.
const LISTS: Readonly<Record<keyof Lists, Item<unknown>>> = {
  programs: paths,
  packages: texts,
  packs: texts,
  withoutPacks: texts,
  without: paths,
  copies,
  learned,
  users: texts,
  keepPrivileges: paths,
};

/** A recipe of the lists that `make` returns. */
function listsOf(make: (key: keyof Lists, item: Item<unknown>) => readonly unknown[]): Lists {
  const keys = Object.keys(LISTS) as (keyof Lists)[];
  return Object.fromEntries(keys.map((key) => [key, make(key, LISTS[key])])) as Lists;
}

export const EMPTY_RECIPE: Recipe = listsOf(() => []);

/** The recipe of a jail after an addition. Equal items are listed once, the oldest first. */
export function mergeRecipes(old: Recipe, added: Recipe): Recipe {
  const [from, image] = [added.from ?? old.from, added.image ?? old.image];
  const kept = { ...old, ...withoutLeftOut(old, added.without), without: stillLeftOut(old, added) };
  const merged = listsOf((key, item) => [
    ...new Map([...kept[key], ...added[key]].map((one) => [item.idOf(one), one])).values(),
  ]);
  return {
    ...merged,
    // The later request decides.
    packs: merged.packs.filter((pack) => !added.withoutPacks.includes(pack)),
    withoutPacks: merged.withoutPacks.filter((pack) => !added.packs.includes(pack)),
    ...(from !== undefined && { from }),
    ...(image && { image }),
  };
}

/** The requests of a recipe for things outside some paths. */
function withoutLeftOut(
  { programs, copies }: Recipe,
  without: readonly BytePath[],
): Pick<Recipe, 'programs' | 'copies'> {
  const isOut = (path: BytePath) => without.some((out) => isWithin(path, out));
  return {
    programs: programs.filter((path) => !isOut(path)),
    copies: copies.filter(({ to }) => !isOut(to)),
  };
}

/**
 * The paths that a recipe leaves out, and that an addition does not ask for. A program needs what lies around it; a copy below such
 * a path comes alone.
 */
function stillLeftOut({ without }: Recipe, { programs, copies }: Recipe): readonly BytePath[] {
  return without.filter(
    (out) => !programs.some((path) => isWithin(path, out)) && !copies.some(({ to }) => to === out),
  );
}

/** Whether an addition only takes back, by leaving this path out, what a recipe has asked for. */
export function takesBack(old: Recipe, out: BytePath): boolean {
  const { programs, copies } = withoutLeftOut(old, [out]);
  return programs.length < old.programs.length || copies.length < old.copies.length;
}

/** For JSON. Names that are not UTF-8 are kept, see path-text.ts. */
export function recipeToJson(recipe: Recipe): object {
  const lists = listsOf((key, item) => recipe[key].map((one) => item.write(one)));
  const { from, image } = recipe;
  return { ...lists, ...(from && { from: toText(from) }), ...(image && { image: originToJson(image) }) };
}

const alone: ReadonlySet<string> = new Set(['from', 'image']);

/** @throws JailError ERR_RECIPE if the value is not a recipe; `what` names it in the message. */
export function recipeFromJson(value: unknown, what: string): Recipe {
  try {
    const object = asObject(value);
    const unknown = Object.keys(object).find((key) => !alone.has(key) && !Object.hasOwn(LISTS, key));
    if (unknown !== undefined) throw new TypeError(`unknown key '${quote(unknown)}'`);
    return {
      ...listsOf((key, item) => {
        const { [key]: list = [] } = object;
        return asList(list, key).map((one) => item.read(one, key));
      }),
      ...(object['from'] !== undefined && { from: asPath(object['from'], 'from') }),
      ...(object['image'] !== undefined && { image: originFromJson(object['image']) }),
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new JailError(`${what}: ${error.message}`, { code: 'ERR_RECIPE' });
  }
}
