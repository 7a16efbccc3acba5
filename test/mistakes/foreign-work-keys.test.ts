// Keys that callers know from elsewhere: each row leads to a key that some call has.
import t from 'tap';

import {
  adoptService,
  buildJail,
  cloneJail,
  explainFile,
  listJail,
  serveInJail,
  UsageError,
} from '../../lib/index.ts';
import {
  foreignServeKeys,
  foreignServiceKeys,
  foreignWorkKeys,
} from '../../lib/mistakes/foreign-work-keys.ts';
import { openHosts } from '../../lib/tcpwrappers/hosts.ts';

type Call = (request: never) => unknown;

// The hint of a call that gets nothing but this key.
async function hintOf(call: Call, key: string): Promise<string | undefined> {
  try {
    await call({ [key]: 1 } as never);
    return undefined;
  } catch (error) {
    return error instanceof UsageError && error.message === `unknown key '${key}'` ? error.hint : undefined;
  }
}

const calls: readonly Call[] = [buildJail, cloneJail, explainFile, listJail, openHosts];

t.test('each key has its counterpart in a call about jails or rules', async (t) => {
  for (const [key, meant] of Object.entries(foreignWorkKeys)) {
    const hints = await Promise.all(calls.map((call) => hintOf(call, key)));
    t.ok(hints.includes(`did you mean '${meant}'?`), `${key}: ${meant}: ${hints.join('; ')}`);
  }
});

t.test('each key has its counterpart in a call about services', async (t) => {
  for (const [call, keys] of [
    [adoptService, foreignServiceKeys],
    [serveInJail, foreignServeKeys],
  ] as const)
    for (const [key, meant] of Object.entries(keys)) {
      const hint = await hintOf(call, key);
      t.equal(hint, meant.includes(' ') ? meant : `did you mean '${meant}'?`, key);
    }
});
