// The recipe of a jail: the request. With it the same jail can be built again, here or on another host.

import { type BytePath, bytePath, showPath } from '../../binary/path.ts';
import { JailError } from '../../errors.ts';
import { quote } from '../../quote.ts';
import { STORE } from './layout.ts';
import { fromText, toText } from './path-text.ts';

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
}

export const EMPTY_RECIPE: Recipe = {
  programs: [],
  packages: [],
  packs: [],
  withoutPacks: [],
  without: [],
  copies: [],
  learned: [],
  users: [],
  keepPrivileges: [],
};

// A path with a component that is empty, `.` or `..`.
const NOT_PLAIN = /\/(?:\.\.?)?(?:\/|$)/;

/** True for an absolute path without `.` and `..` that is outside the builder's directory. */
export function isDestination(path: BytePath): boolean {
  if (path === '/') return true;
  if (path === STORE || path.startsWith(`${STORE}/`)) return false;
  return path.startsWith('/') && !NOT_PLAIN.test(path);
}

/** The recipe of a jail after an addition. Equal items are listed once, the oldest first. */
export function mergeRecipes(old: Recipe, added: Recipe): Recipe {
  const from = added.from ?? old.from;
  return {
    programs: onceEach(old.programs, added.programs),
    packages: onceEach(old.packages, added.packages),
    // The later request decides.
    packs: onceEach(old.packs, added.packs).filter((pack) => !added.withoutPacks.includes(pack)),
    withoutPacks: onceEach(old.withoutPacks, added.withoutPacks).filter(
      (pack) => !added.packs.includes(pack),
    ),
    without: onceEach(old.without, added.without),
    copies: onceBy(({ to }) => to, old.copies, added.copies),
    learned: onceBy(({ command }) => command, old.learned, added.learned),
    users: onceEach(old.users, added.users),
    keepPrivileges: onceEach(old.keepPrivileges, added.keepPrivileges),
    ...(from !== undefined && { from }),
  };
}

function onceEach<T>(...lists: readonly (readonly T[])[]): readonly T[] {
  return [...new Set(lists.flat())];
}

/** The last one of items with the same key. */
function onceBy<T>(key: (item: T) => string, ...lists: readonly (readonly T[])[]): readonly T[] {
  return [...new Map(lists.flat().map((item) => [key(item), item])).values()];
}

/** For JSON. Names that are not UTF-8 are kept, see path-text.ts. */
export function recipeToJson(recipe: Recipe): object {
  const { programs, packages, packs, withoutPacks, without, copies, learned, users, keepPrivileges, from } =
    recipe;
  // The order is fixed, so the same recipe gives the same text.
  return {
    programs: programs.map(toText),
    packages,
    packs,
    withoutPacks,
    without: without.map(toText),
    copies: copies.map((copy) => ({ from: toText(copy.from), to: toText(copy.to) })),
    learned: learned.map(({ command, files, directories }) => ({
      command,
      files: files.map(toText),
      directories: directories.map(toText),
    })),
    users,
    keepPrivileges: keepPrivileges.map(toText),
    ...(from !== undefined && { from: toText(from) }),
  };
}

/** @throws JailError ERR_RECIPE if the value is not a recipe; `what` names it in the message. */
export function recipeFromJson(value: unknown, what: string): Recipe {
  const object = asObject(value, what);
  const unknown = Object.keys(object).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw noRecipe(what, `unknown key '${quote(unknown)}'`);
  const texts = (key: string) => listAt(object, key, what).map((item) => asText(item, key));
  const paths = (key: string) => texts(key).map((text) => asPath(text, `${what}, ${key}`));
  return {
    programs: paths('programs'),
    packages: texts('packages'),
    packs: texts('packs'),
    withoutPacks: texts('withoutPacks'),
    without: paths('without'),
    copies: listAt(object, 'copies', what).map((item) => {
      const copy = asObject(item, `${what}, copies`);
      return {
        from: asPath(asText(copy['from'], 'from'), what),
        to: asDestination(asPath(asText(copy['to'], 'to'), what), what),
      };
    }),
    learned: listAt(object, 'learned', what).map((item) => {
      const one = asObject(item, `${what}, learned`);
      const list = (key: string) => listAt(one, key, what).map((path) => asPath(asText(path, key), what));
      return {
        command: asText(one['command'], 'command'),
        files: list('files'),
        directories: list('directories'),
      };
    }),
    users: texts('users'),
    keepPrivileges: paths('keepPrivileges'),
    ...(object['from'] !== undefined && { from: asPath(asText(object['from'], 'from'), what) }),
  };
}

const KEYS: ReadonlySet<string> = new Set([...Object.keys(EMPTY_RECIPE), 'from']);

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw noRecipe(what, 'an object is expected');
}

function listAt(object: Readonly<Record<string, unknown>>, key: string, what: string): readonly unknown[] {
  const value = object[key] === undefined ? [] : object[key];
  if (Array.isArray(value)) return value;
  throw noRecipe(`${what}, ${key}`, 'a list is expected');
}

function asText(value: unknown, key: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw noRecipe(key, 'a text is expected');
}

function asPath(text: string, what: string): BytePath {
  if (text.startsWith('/')) return fromText(text);
  throw noRecipe(what, `${quote(bytePath(text))} is no absolute path`);
}

function asDestination(path: BytePath, what: string): BytePath {
  if (isDestination(path)) return path;
  throw noRecipe(what, `${showPath(path)} is no place for a copy`);
}

function noRecipe(what: string, why: string): JailError {
  return new JailError(`${what}: ${why}`, { code: 'ERR_RECIPE' });
}
