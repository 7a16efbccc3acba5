// The types of a rule of `uchroot-jail check`, and of its findings.

import type { BytePath } from '../../tree/path.ts';
import type { DescribedFinding, DescribedRule, Severity } from '../../findings/finding-severity.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Entry } from './checked-entry.ts';
import type { CheckedJail } from './checked-jail.ts';

type Group =
  | 'path'
  | 'privilege'
  | 'escape'
  | 'tamper'
  | 'upload'
  | 'identity'
  | 'staleness'
  | 'fitness'
  | 'running';

/** One thing that can be wrong with a jail. It has `lookAt`, `look` or `lookSlowly`. */
export interface Rule extends DescribedRule {
  readonly group: Group;
  /** The attack that it allows, and the source of that. */
  readonly attack: string;
  /** A command line with placeholders in capitals; or a shell comment that says what to decide: `# …`. */
  readonly remedy: string;
  /** Called for each entry of the jail during the walk. */
  readonly lookAt?: (entry: Entry, jail: CheckedJail) => Found | undefined;
  /** Ids of rules that find the same cause at the same path: their findings there are left out. */
  readonly covers?: readonly string[];
  /** Its `look` needs no walk and only concerns the jail itself: `uchroot --check` calls it as well. */
  readonly isQuick?: true;
  /** Called once, after the walk. */
  readonly look?: (jail: CheckedJail) => Iterable<Found>;
  /** The same for a rule that has to read files. */
  readonly lookSlowly?: (jail: CheckedJail) => AsyncIterable<Found>;
}

type Identified = Pick<Rule, 'id' | 'severity'>;
type RuleOf = <T extends Identified>(id: string, rule: Omit<T, keyof Identified>) => T;

function withSeverity(severity: Severity): RuleOf {
  return <T extends Identified>(id: string, rule: Omit<T, keyof Identified>) =>
    ({ id, severity, ...rule }) as T;
}

export const errorRule: RuleOf = withSeverity('error');
export const warningRule: RuleOf = withSeverity('warning');
export const noteRule: RuleOf = withSeverity('note');

/** Rules that all belong to one group. */
export function inGroup(group: Group, rules: readonly Omit<Rule, 'group'>[]): readonly Rule[] {
  return rules.map((rule) => Object.assign({ group }, rule));
}

/** The result of a rule, before it becomes a Finding. */
export interface Found {
  /** If it is neither the path of the entry nor `/`. */
  readonly path?: BytePath;
  /** Without the path. */
  readonly message: string;
  /** If it is not that of the rule, with paths for FILE, DIRECTORY and the like (remedies.ts). */
  readonly remedy?: string;
  /** Applied in this order. */
  readonly fixes?: readonly Fix[];
  /** Lower than that of the rule if only the owner of the file is harmed. */
  readonly severity?: Severity;
  /** The owner, if it is not that of the entry that the walk met: findings about root's files come first. */
  readonly uid?: number;
}

export type CompleteFound = Found & Required<Pick<Found, 'path' | 'remedy'>>;

/** A change that destroys nothing which cannot be restored. */
export type Fix =
  | { readonly kind: 'mode'; readonly clear: number; readonly set?: number }
  | { readonly kind: 'owner'; readonly uid: number; readonly gid: number }
  /** Removes an extended attribute. */
  | { readonly kind: 'attribute'; readonly name: 'security.capability' | 'system.posix_acl_default' }
  /** Restores the path as the manifest records it from the source, if the source still has the same content. */
  | { readonly kind: 'restore'; readonly recorded: Recorded };

/** A fault of a jail, with a remedy. */
export interface Finding extends DescribedFinding {
  /**
   * A path of the jail; or a path of the host, if the finding is about the way to the jail. Bytes that are no UTF-8 are lone
   * surrogates U+DC80…U+DCFF.
   */
  readonly path: string;
  /** A command line for root's shell; or, if somebody has to decide first, a shell comment: `# …`. */
  readonly remedy: string;
  /** With `fix`: whether it was fixed; left out if there is no safe fix. */
  readonly fixed?: boolean;
}
