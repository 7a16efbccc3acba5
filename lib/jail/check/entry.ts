// One entry of a jail that is checked, as it was when it was met.

import type { BytePath } from '../../binary/path.ts';
import type { Recorded } from '../manifest/manifest.ts';

/**
 * Whose the directory is that something lies in. `system`: programs, libraries, configuration. `extra`: root's, and not of the
 * builder's making. `user`: of somebody who may do with it as he likes. `passing`: /tmp and the like. `store`: the builder's own.
 */
export type Zone = 'system' | 'extra' | 'user' | 'passing' | 'store';

export type Kind = 'file' | 'directory' | 'link' | 'character' | 'block' | 'fifo' | 'socket';

export interface Entry {
  readonly path: BytePath;
  readonly kind: Kind;
  /** Permission bits with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** Its number in the file system, in two halves of 32 bits. */
  readonly inodeLow: number;
  readonly inodeHigh: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Of a link. */
  readonly target: BytePath;
  /** It has file capabilities (capabilities(7)). */
  readonly hasCapabilities: boolean;
  /** It has an access control list (acl(5)). */
  readonly hasAcl: boolean;
  /** Of a directory: others than its owner may write what is made in it (acl(5), default lists). */
  readonly hasLooseDefault: boolean;
  /** Something is mounted there; what lies in it is not looked at. */
  readonly isMounted: boolean;
  readonly isElf: boolean;
  readonly isScript: boolean;
  /** Its beginning holds a private key. */
  readonly isKey: boolean;
  /** An errno if it could not be read, or not be entered. */
  readonly error: number;
  /** 0 for the root directory. */
  readonly depth: number;
  /** What the manifest says of it. */
  readonly recorded: Recorded | undefined;
  /** Of a file of the manifest that has the right size. */
  readonly sha256: string | undefined;
  /** Of the directory that it lies in. */
  readonly zone: Zone;
}

/** Whether anybody may execute it. */
export function isProgram({ kind, mode }: Pick<Entry, 'kind' | 'mode'>): boolean {
  return kind === 'file' && (mode & 0o111) !== 0;
}

// Shared libraries, and the modules of interpreters
const CODE = /\.(?:so(?:\.[^/]*)?|py[cd]?|pth|p[lm]|rb|[cm]?js|php|phar|lua|tcl|tm|sh|jar|class|el)$/;

/** Whether it is executed, or loaded by its name. */
export function isCode(entry: Entry): boolean {
  return entry.kind === 'file' && (isProgram(entry) || entry.isElf || CODE.test(entry.path));
}
