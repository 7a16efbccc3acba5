// Where we refuse and the installed libwrap does not: it lets in what it could not read, or it ends.
import type { Decision } from '../../lib/tcpwrappers/decide.ts';
import type { Hosts } from '../../lib/tcpwrappers/rule.ts';
import { hasDoubtful, type Observation } from './observe.ts';

export interface Difference {
  readonly name: string;
  /** Whether two answers differ for this reason. */
  readonly explains: (ours: Observation & { readonly decision: Decision }, theirs: Observation, hosts: Hosts) => boolean;
}

/** Each has a test of its own in differences.test.ts, and a line in doc/tcpwrappers.md. */
export const differences: readonly Difference[] = [
  {
    name: 'a [net]/ with a length that is no number is not /0',
    explains: (ours, theirs, hosts) => hasDoubtful(hosts) && (ours.verdict === 'denied' || theirs.verdict !== 'denied'),
  },
  {
    name: 'a hosts.deny that is a directory refuses',
    explains: (ours, theirs) => ours.decision.reason === 'hosts.deny is a directory' && ours.verdict === 'denied' && theirs.verdict === 'granted',
  },
  {
    name: 'a line of hosts.allow that is too long, with rules that refuse behind it, refuses',
    explains: (ours, theirs) => /^the line has more than/.test(ours.decision.reason ?? '') && ours.verdict === 'denied' && theirs.verdict === 'granted',
  },
  {
    name: 'a file that leads back to itself, or has a word of more than 8191 bytes, refuses',
    explains: (ours) => ours.verdict === 'denied' && /leads back to itself$|has a word of more than/.test(ours.decision.reason ?? ''),
  },
  {
    name: 'an expansion of more than 8191 bytes refuses',
    explains: (ours, theirs) => ours.verdict === 'denied' && ours.decision.reason === 'expansion too long' && theirs.verdict === 'exited',
  },
];
