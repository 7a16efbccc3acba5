// Look-ups by the system: its resolver, its databases, its files, and RFC 1413.

import { readFileText } from '../file/file.ts';
import { lookUpAccount } from './account.ts';
import { askUser } from './ident.ts';
import type { Answered, Resolver } from './lookup.ts';
import { lookUpName } from './name.ts';
import { lookUpNetgroup } from './netgroup.ts';

function readBanner(path: string): Answered<string | undefined> {
  const found = readFileText(Buffer.from(path, 'latin1'));
  if (found.kind === 'text') return { value: found.text };
  // a daemon without a file has no banner, and nothing is said about it
  const problem =
    found.kind === 'absent'
      ? undefined
      : `cannot be read: ${found.kind === 'unreadable' ? found.code : found.kind}`;
  return { value: undefined, problem };
}

/** Who looks up names within a time limit, and the rest within its own. */
export function systemResolver(nameTimeoutMs: number): Resolver {
  return {
    name: (address) => lookUpName(address, nameTimeoutMs),
    user: askUser,
    netgroup: (group) => lookUpNetgroup(group, nameTimeoutMs),
    account: lookUpAccount,
    banner: (path) => Promise.resolve(readBanner(path)),
  };
}
