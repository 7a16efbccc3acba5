// What is wrong with a jail, and what can be done about it.

import type { BytePath } from '../../binary/path.ts';
import type { Recorded } from '../manifest/manifest.ts';

export type Severity = 'error' | 'warning' | 'note';

export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

export interface Finding {
  /** Id of the rule. */
  readonly rule: string;
  readonly severity: Severity;
  /**
   * Where: a path of the jail, or of the host for what is about the way to the jail. Bytes that are no UTF-8 as lone surrogates
   * U+DC80…U+DCFF.
   */
  readonly path: string;
  /** What is wrong, one line, nothing a terminal would obey. */
  readonly message: string;
  /** A command line for the shell of root; or, where somebody has to decide first, a comment of the shell: `# …`. */
  readonly remedy: string;
  /** With `fix`: whether that was done; left out for what has no safe remedy. */
  readonly fixed?: boolean;
}

/** A change that takes nothing away which cannot be had again. */
export type Fix =
  | { readonly kind: 'mode'; readonly clear: number; readonly set?: number }
  | { readonly kind: 'owner'; readonly uid: number; readonly gid: number }
  /** Takes an extended attribute away. */
  | { readonly kind: 'attribute'; readonly name: 'security.capability' | 'system.posix_acl_default' }
  /** Makes it what the manifest says, out of the source if that is still the same. */
  | { readonly kind: 'restore'; readonly recorded: Recorded };

/** What a rule has found, before it is a Finding. */
export interface Found {
  readonly path: BytePath;
  /** Without the path. */
  readonly message: string;
  readonly remedy: string;
  /** In this order. */
  readonly fixes?: readonly Fix[];
  /** Less than that of the rule, where only the owner of the file is harmed. */
  readonly severity?: Severity;
  /** Whose it is, if that is not what the walk has met: root's findings are shown first. */
  readonly uid?: number;
}
