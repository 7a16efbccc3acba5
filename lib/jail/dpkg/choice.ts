// What was chosen of which packages, and the words for why.

import type { BytePath } from '../../binary/path.ts';
import type { Package } from './database.ts';
import type { Edge } from './follow.ts';

/** Why a package is used. */
export interface PackageReason {
  readonly how:
    | 'asked' // by its name, or by the name of a program
    | 'interpreter' // of the script `by`
    | 'command' // of the shell script `by`
    | 'mentioned' // a name or directory of it stands in the executable `by`
    | 'link' // `by`, a link of `from`, leads to a program of it
    | 'plugin' // the configuration file `by` loads it
    | 'module' // the script `by` loads a module of it
    | 'wrapped' // the script `by` starts the program of that name in it
    | Edge['how'];
  /** The package that led to this one; undefined for what was asked for. */
  readonly from?: Package | undefined;
  readonly by?: BytePath | undefined;
}

/**
 * How much of a package is taken: `programs` that are used, with the data that they name; `configuration` is what it has
 * below /etc; `data` is without any program; `used` is everything but programs that nobody names; `whole` is everything.
 */
export type Extent = 'programs' | 'configuration' | 'data' | 'used' | 'whole';

export interface ChosenPackage {
  readonly package: Package;
  readonly extent: Extent;
  readonly reason: PackageReason;
}

export interface ChosenFile {
  /** A file, a link or an empty directory, under its name on the root. */
  readonly path: BytePath;
  /** Undefined for a script that is nobody's. */
  readonly package: Package | undefined;
  /** The program or script that led to it; undefined for what belongs to a package that was asked for by name. */
  readonly why: BytePath | undefined;
  /** Something in the jail may start it. A script that nothing starts, a template say, needs no interpreter. */
  readonly started: boolean;
}

export interface Choice {
  readonly files: readonly ChosenFile[];
  /** In the order in which they were come to: the reason of one is always in front of it. */
  readonly packages: readonly ChosenPackage[];
  /** What not everybody may read, and may be a secret: it is not among the files. */
  readonly withheld: readonly ChosenFile[];
}

/** The packages that led to one, itself first: libpython3.13-stdlib, python3.13, python3. */
export function packageChain(choice: Choice, pkg: Package): readonly ChosenPackage[] {
  const chain: ChosenPackage[] = [];
  for (let at: Package | undefined = pkg; at !== undefined;) {
    const step = choice.packages.find((entry) => entry.package === at);
    if (step === undefined || chain.includes(step)) break;
    chain.push(step);
    at = step.reason.from;
  }
  return chain;
}
