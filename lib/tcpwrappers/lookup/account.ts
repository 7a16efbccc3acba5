// Whether there is such a user or group: the host's databases, asked on a worker thread (NSS may go to a network).

import { native } from '../../native.ts';
import type { Answered } from './lookup.ts';

/** Looks an account up by name, one byte a character. Never rejects; one that cannot be looked up does not exist. */
export async function lookUpAccount(database: 'user' | 'group', name: string): Promise<Answered<boolean>> {
  const bytes = Buffer.from(name, 'latin1');
  if (database === 'user') {
    const { passwd } = await native.readHost({ user: bytes });
    const isFound = typeof passwd === 'object' && passwd !== null;
    return { value: isFound, problem: typeof passwd === 'number' ? `errno ${passwd}` : undefined };
  }
  const { named } = await native.readHost({ groupNames: [bytes] });
  return { value: named[0]?.gid !== undefined, problem: undefined };
}
