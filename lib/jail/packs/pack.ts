// A pack: files that programs open by name and that no header tells of, with the signs that they are needed.

import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';

/** Signs that a pack is needed; any one is enough. What only a shell could make use of is none: it can do without. */
export interface When {
  /** Every jail has it. */
  readonly always?: true;
  /** Names of shared libraries that a program needs, as in DT_NEEDED. */
  readonly libraries?: RegExp;
  /** Last components of programs, interpreters and other executable files in the jail. */
  readonly executables?: RegExp;
  /** Functions that a program or one of its libraries, those of the C library aside, calls from another. */
  readonly imports?: readonly string[];
  /** Functions that a program itself calls; not one of a package that is Essential: the basic tools can do without. */
  readonly ownImports?: readonly string[];
  /** Paths of other files in the jail. */
  readonly paths?: RegExp;
  /** Texts in a program: a statically linked one imports nothing, and has only the path that it will open. */
  readonly texts?: readonly string[];
  /** Another pack that it comes along with. */
  readonly packs?: RegExp;
}

/**
 * Something to be in the jail. A path that does not exist on the host is passed over. Paths are as BytePath has them, one
 * character a byte.
 */
export type Part = Piece & {
  /** The file in the jail that has to do with it, if it is another one than that which made the pack necessary. */
  readonly by?: BytePath | undefined;
};

type Piece =
  /**
   * A file with the links that lead to it, or a directory without what it holds. In a component `*` stands for any
   * characters. A first component `$LIB` stands for each directory that the C library of a program in the jail lies in.
   */
  | { readonly path: string }
  /** A directory with everything in it, but for paths that `except` matches; `path` as above. */
  | { readonly tree: string; readonly except?: RegExp }
  /** A program: a path, or a name that is looked up in PATH. */
  | { readonly program: string }
  /** The files of a Debian package that is installed, documentation aside, and of what it depends on. */
  | { readonly package: string }
  /** A directory with this mode, whether or not the host has it; root's if no owner is given. */
  | { readonly directory: string; readonly mode: number; readonly uid?: number; readonly gid?: number }
  | { readonly link: string; readonly target: string }
  /** A file that is written. */
  | { readonly file: string; readonly content: string | Uint8Array; readonly mode?: number }
  | { readonly device: string; readonly mode: number; readonly major: number; readonly minor: number };

/** An account that the jail is built for. */
export interface JailUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
  /** Groups, the primary one among them. */
  readonly groups: readonly { readonly name: string; readonly gid: number }[];
}

/** What a pack can go by. */
export interface PackHost {
  /** The root that the jail is built from. */
  readonly root: FileRoot;
  readonly users: readonly JailUser[];
  /** What made it necessary: a file in the jail; undefined if it was asked for by name, or belongs to every jail. */
  readonly trigger: BytePath | undefined;
  /** Paths of all executable files that are in the jail so far and whose last component matches. */
  readonly executables: (name: RegExp) => readonly BytePath[];
  /** Paths of all that is in the jail so far, links included. */
  readonly paths: (pattern: RegExp) => readonly BytePath[];
  /** A file in the jail so far that is one of these signs. Of functions only those are known that some pack waits for. */
  readonly sign: (when: When) => BytePath | undefined;
  /** Paths of the root that a pattern stands for, as in a part. */
  readonly find: (pattern: string) => readonly BytePath[];
  /** What matches, with the flag `g`, in the strings of an ELF file of the root: directories that were compiled in. */
  readonly texts: (path: BytePath, pattern: RegExp) => readonly BytePath[];
  /** The text of a small file of the root, one character a byte; undefined if there is none. */
  readonly readText: (path: string) => string | undefined;
}

/** The finished jail, for a self-check. */
export interface Probe {
  readonly root: FileRoot;
  /** Whether anything lies at the path, links followed. */
  has(path: string): boolean;
  /** Programs in the jail of this name, as paths. */
  executables(name: RegExp): readonly BytePath[];
  /** What a program or library lacks to be loaded, one sentence each; empty if nothing. */
  lacks(path: BytePath): readonly string[];
  /** Runs a program of the jail, as the user that the jail is for. */
  run(
    program: BytePath,
    ...args: readonly string[]
  ): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
}

export interface Pack {
  readonly name: string;
  /** What it holds, as a phrase: "CA certificates". */
  readonly summary: string;
  readonly when: When;
  /** A function is asked again as more comes into the jail. A pack without a part that the host has is not added. */
  readonly parts: readonly Part[] | ((host: PackHost) => readonly Part[]);
  /** Says what does not work in the finished jail, in one sentence; undefined if all is well. */
  readonly check: (jail: Probe) => Promise<string | undefined> | string | undefined;
  /** What the jail wants of whoever starts programs in it and cannot give itself, in one sentence; undefined if nothing. */
  readonly wants?: (jail: Probe) => string | undefined;
}
