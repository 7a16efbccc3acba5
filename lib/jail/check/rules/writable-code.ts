// Programs, libraries and modules of interpreters that others than root can write.

import { isCode } from '../entry.ts';
import { givenBack } from '../remedy.ts';
import type { Rule } from '../rule.ts';
import { listOf, writerOf } from '../writable.ts';

export const writableCode: Rule = {
  id: 'writable-code',
  group: 'tamper',
  severity: 'error',
  summary: 'A program, library or module where such are can be written by others than root.',
  attack:
    'Whoever writes to it runs code as everybody who uses it: the service, the administrator who enters the jail, root ' +
    '(execve(2), ld.so(8)).',
  covers: ['mode', 'owner', 'world-writable'],
  remedy: 'chown root:root FILE && chmod go-w FILE',
  lookAt: (entry, jail) => {
    if ((entry.zone !== 'system' && entry.zone !== 'extra') || !isCode(entry)) return undefined;
    const how = writerOf(entry, jail.users, listOf(entry, jail));
    if (how === undefined) return undefined;
    return { path: entry.path, message: how, ...givenBack(entry, jail) };
  },
};
