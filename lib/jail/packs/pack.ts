// A pack: files that programs open at run time, so that no ELF header names them, and the signs that they are needed.

import type { BytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';

/** Signs that a pack is needed; one is enough. A shell is no sign: it works without packs. */
export interface When {
  /** Every jail gets the pack. */
  readonly always?: true;
  /** DT_NEEDED names of libraries that a program needs. */
  readonly libraries?: RegExp;
  /** Last components of executable files in the jail. */
  readonly executables?: RegExp;
  /** The same of those that were asked for, or that a file of no package starts. */
  readonly asked?: RegExp;
  /** Functions that a program, or one of its libraries outside the C library, imports. */
  readonly imports?: readonly string[];
  /** Functions that a program itself imports; programs of Essential packages do not count: they work without the pack. */
  readonly ownImports?: readonly string[];
  /** Paths of files in the jail. */
  readonly paths?: RegExp;
  /** Texts in a program: a statically linked program imports nothing, but contains the paths that it opens. */
  readonly texts?: readonly string[];
  /** Names of other packs that need this one. */
  readonly packs?: RegExp;
}

/** A piece of a pack. A path that does not exist on the host is skipped. Paths are one character a byte, as BytePath. */
export type Part = Piece & {
  /** The file in the jail that needs this part, if it is not the trigger of the pack. */
  readonly by?: BytePath | undefined;
};

type Piece =
  /**
   * A file with the links that lead to it, or a directory without its content. In a component, `*` stands for any
   * characters. A first component `$LIB` stands for each directory of a C library in the jail.
   */
  | { readonly path: string }
  /** A directory with its content, except paths that `except` matches; the pattern is as above. */
  | { readonly tree: string; readonly except?: RegExp }
  /** A program: a path, or a name that is looked up in PATH. */
  | { readonly program: string }
  /** The files of an installed Debian package and its dependencies, without documentation. */
  | { readonly package: string }
  /** A directory with this mode, even if the host does not have it; owned by root by default. */
  | { readonly directory: string; readonly mode: number; readonly uid?: number; readonly gid?: number }
  | { readonly link: string; readonly target: string }
  /** A file that is written. */
  | { readonly file: string; readonly content: string | Uint8Array; readonly mode?: number }
  /** What a launch mounts the host's on, if it is there: a file with this content, or a directory. */
  | { readonly mountPoint: string; readonly why: string; readonly content: string | undefined }
  | { readonly device: string; readonly mode: number; readonly major: number; readonly minor: number };

/** A user of the jail. */
export interface JailUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
  /** All groups, with the primary one. */
  readonly groups: readonly { readonly name: string; readonly gid: number }[];
}

/** The information from which a pack computes its parts. */
export interface PackHost {
  /** The root that the jail is built from. */
  readonly root: FileRoot;
  readonly users: readonly JailUser[];
  /** The file in the jail that made the pack necessary; undefined if it was requested by name, or is in every jail. */
  readonly trigger: BytePath | undefined;
  /** Executable files in the jail so far whose last component matches. */
  readonly executables: (name: RegExp) => readonly BytePath[];
  /** The files of `--copy` in the jail so far, with the paths on the root that they are copied from. */
  readonly copies: () => ReadonlyMap<BytePath, BytePath>;
  /** Matching paths in the jail so far, links included. */
  readonly paths: (pattern: RegExp) => readonly BytePath[];
  /** A file in the jail so far that is one of these signs. Functions must be signs of a pack to be known. */
  readonly sign: (when: When) => BytePath | undefined;
  /** Paths of the root that match a pattern of a part. */
  readonly find: (pattern: string) => readonly BytePath[];
  /** Matches of a pattern with the flag `g` in the strings of an ELF file, as compiled-in directories. */
  readonly texts: (path: BytePath, pattern: RegExp) => readonly BytePath[];
  /** The text of a small file of the root, one character a byte; undefined if there is none. */
  readonly readText: (path: string) => string | undefined;
}

/** The finished jail, for the trial of a pack. */
export interface Probe {
  readonly root: FileRoot;
  /** Paths of the programs in the jail whose name matches. */
  executables(name: RegExp): readonly BytePath[];
  /** Runs a program of the jail as the jail's user. */
  run(
    program: BytePath,
    ...args: readonly string[]
  ): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
}

export interface Pack {
  readonly name: string;
  /** The content, as a phrase: "CA certificates". */
  readonly summary: string;
  readonly when: When;
  /** A function is called again when files are added. A pack is not added if the host has none of its parts. */
  readonly parts: readonly Part[] | ((host: PackHost) => readonly Part[]);
  /** Runs programs of the finished jail, and returns a fault as a sentence. */
  readonly check?: (jail: Probe) => Promise<string | undefined>;
  /** A sentence about a thing that only the administrator can provide; undefined if nothing is missing. */
  readonly wants?: (jail: Probe) => string | undefined;
}
