// What a user of the jail does to his own files, and with which he harms nobody but himself.

import type { Entry } from './entry.ts';

type Owned = Pick<Entry, 'uid' | 'zone' | 'recorded'>;

/** Whether it is a user's own file, where he may make some or was given it. */
export function isOwn({ uid, zone, recorded }: Owned): boolean {
  return uid !== 0 && (zone === 'user' || zone === 'passing' || recorded?.uid === uid);
}

/** Whether what lies there is data of a user: his own, or in a directory of his, where he can exchange it. */
export function isData(entry: Owned): boolean {
  return entry.zone === 'user' || isOwn(entry);
}
