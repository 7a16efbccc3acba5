// The lists that match whoever it is.

import type { ClientPattern, DaemonPattern, PatternList } from './pattern.ts';

/** `ALL` as a list of daemons. */
export const ANY_DAEMON: PatternList<DaemonPattern> = [[{ at: 0, daemon: { kind: 'all' } }]];

/** `ALL` as a list of clients. */
export const ANY_CLIENT: PatternList<ClientPattern> = [
  [{ at: 0, host: { kind: 'text', text: { kind: 'all' }, addressOnly: false } }],
];
