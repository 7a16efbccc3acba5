// Chooses packs by their signs, and adds their parts.

import { readSmallFile } from '../../binary/conf.ts';
import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { ReadStrings } from '../dpkg/sections.ts';
import type { RecordedPack } from '../manifest/manifest.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { expandPath } from '../packs/expand.ts';
import { packOf, packs as all } from '../packs/index.ts';
import type { JailUser, Pack, PackHost, When } from '../packs/pack.ts';
import type { Steps } from '../work/steps.ts';
import { isShell } from './executables.ts';
import type { Facts } from './facts.ts';
import { openParts, type PackageTaker } from './parts.ts';
import type { Selection } from './selection.ts';
import { openTexts } from './texts.ts';

export type { PackageTaker } from './parts.ts';

export interface Packs {
  /** Functions that are signs of some pack. */
  readonly symbols: ReadonlySet<string>;
  /** Adds what is needed by now of the packs; false if nothing was added. */
  follow(facts: Facts, packages: PackageTaker): Steps<boolean>;
  chosen(): readonly RecordedPack[];
  /** Packs that were asked for and of which the root has nothing. */
  barren(): readonly string[];
}

/** @throws UsageError if the recipe names an unknown pack. */
export function openPacks(
  root: FileRoot,
  selection: Selection,
  recipe: Pick<Recipe, 'packs' | 'withoutPacks'>,
  users: readonly JailUser[],
  strings: ReadStrings,
): Packs {
  for (const name of [...recipe.packs, ...recipe.withoutPacks]) packOf(name);
  const chosen = new Map<string, RecordedPack>();
  // the sign that came first is the one that is told
  const signs = new Map<string, { readonly trigger?: BytePath | undefined }>();
  const texts = openTexts(strings, new Set(all.flatMap(({ when }) => when.texts ?? [])));
  const addPart = openParts(root, selection);
  const barren = new Set<string>();

  function signOf(when: When, facts: Facts): BytePath | undefined {
    const trigger = facts.sign(when);
    if (trigger !== undefined || when.texts === undefined) return trigger;
    return texts.mentioned(
      facts.executables(/./).filter((path) => !isShell(path)),
      when.texts,
    );
  }

  function needed(
    { name, when }: Pack,
    facts: Facts,
  ): { readonly trigger?: BytePath | undefined } | undefined {
    if (recipe.packs.includes(name)) return {};
    if (recipe.withoutPacks.includes(name)) return undefined;
    if (when.always === true) return {};
    const other = [...chosen.values()].find((pack) => when.packs?.test(pack.name) === true);
    if (other !== undefined) return { trigger: other.trigger };
    const trigger = signOf(when, facts);
    return trigger === undefined ? undefined : { trigger };
  }

  function openHost(trigger: BytePath | undefined, facts: Facts): PackHost {
    return {
      root,
      users,
      trigger,
      executables: (name) => facts.executables(name),
      paths: (pattern) => [...selection.paths()].filter((path) => pattern.test(path)),
      sign: (when) => signOf(when, facts),
      find: (pattern) => expandPath(root, pattern, facts.libraryDirectories()),
      texts: (path, pattern) => texts.match(path, pattern),
      readText: (path) => {
        const data = readSmallFile(root, path as BytePath);
        return data === undefined ? undefined : Buffer.from(data).toString('latin1');
      },
    };
  }

  function add(pack: Pack, trigger: BytePath | undefined, facts: Facts, packages: PackageTaker): boolean {
    const { name } = pack;
    const parts = typeof pack.parts === 'function' ? pack.parts(openHost(trigger, facts)) : pack.parts;
    const context = { pack: name, trigger, libraryDirectories: facts.libraryDirectories(), packages };
    const added = parts.filter((part) => addPart(part, context));
    if (added.length > 0) barren.delete(name);
    if (chosen.has(name)) return added.length > 0;
    if (added.length === 0 && !recipe.packs.includes(name)) return false;
    // one without any part finds that nothing is to be added, as `commands` does on Debian
    if (added.length === 0 && parts.length > 0) barren.add(name);
    const by = added[0]?.by ?? trigger;
    chosen.set(name, { name, ...(by !== undefined && { trigger: by }) });
    return true;
  }

  return {
    symbols: new Set(all.flatMap(({ when }) => [...(when.imports ?? []), ...(when.ownImports ?? [])])),
    chosen: () => [...chosen.values()],
    barren: () => [...barren],
    *follow(facts, packages) {
      let isMore = false;
      for (const pack of all) {
        yield;
        const sign = signs.get(pack.name) ?? needed(pack, facts);
        if (sign === undefined) continue;
        signs.set(pack.name, sign);
        if (add(pack, sign.trigger, facts, packages)) isMore = true;
      }
      return isMore;
    },
  };
}
