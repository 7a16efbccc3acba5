// What a rule is.

import { type BytePath, joinPath } from '../../binary/path.ts';
import type { Entry } from './entry.ts';
import type { Found, Severity } from './finding.ts';
import type { CheckedJail } from './jail.ts';

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
export interface Rule {
  readonly id: string;
  readonly group: Group;
  readonly severity: Severity;
  /** What it finds, one sentence. */
  readonly summary: string;
  /** What somebody could do with it, and the source of that. */
  readonly attack: string;
  /** A command line, with words in capitals for what differs; or what to decide: `# …`. */
  readonly remedy: string;
  /** Is shown each entry of the jail, as the walk comes to it. */
  readonly lookAt?: (entry: Entry, jail: CheckedJail) => Found | undefined;
  /** Ids of rules that find the same cause at the same path: what they find there is left out. */
  readonly covers?: readonly string[];
  /** Its `look` needs no walk and is about the jail alone: it is done before a launch as well. */
  readonly isQuick?: true;
  /** Looks at the whole jail, after the walk. */
  readonly look?: (jail: CheckedJail) => Iterable<Found>;
  /** The same, where files have to be read for it. */
  readonly lookSlowly?: (jail: CheckedJail) => AsyncIterable<Found>;
}

/** Where a path of the jail lies on the host. */
export function hostPath({ directory }: Pick<CheckedJail, 'directory'>, path: BytePath): BytePath {
  return joinPath(directory, path.slice(1) as BytePath);
}
