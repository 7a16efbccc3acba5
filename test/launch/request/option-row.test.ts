// How options of the command line set keys of a request.
import t from 'tap';

import { serveRows } from '../../../lib/inetd/serve-request.ts';
import { jailRows } from '../../../lib/launch/request/jail-rows.ts';
import { launchOption } from '../../../lib/launch/request/launch-option.ts';
import { onOff, optionsOf, setKeys, type Rows } from '../../../lib/launch/request/option-row.ts';
import { launchRows } from '../../../lib/launch/request/request.ts';
import { runRows } from '../../../lib/launch/request/run-rows.ts';
import { spawnRows } from '../../../lib/launch/request/spawn-rows.ts';

const add = ({ text }: { text: string }, before: readonly string[] = []) => [...before, text];
const rows = {
  quiet: onOff('Process', '--quiet', 'says nothing'),
  names: {
    type: 'array',
    default: '`[]`',
    normal: (value: readonly string[] | undefined) => value ?? [],
    options: () => [launchOption('Process', '--name NAME', 'one more', add)],
  },
  secret: { type: 'string', default: 'none', normal: (value: string | undefined) => value },
} satisfies Rows;

t.test('an option sets its key, from the value so far', async (t) => {
  const request: Record<string, unknown> = { names: ['a'] };
  const word = (text: string) => ({ text, bytes: Buffer.from(text) });
  const given = [
    ['name', word('b')],
    ['quiet', word('')],
    ['name', word('c')],
    ['other', word('')],
  ] as const;
  setKeys(request, given, optionsOf(rows));
  t.strictSame(request, { names: ['a', 'b', 'c'], quiet: true });
});

// killSignal: null was SIGTERM: who means "no signal" gets one.
t.test('null is no value of any key, and not its default', async (t) => {
  const tables: readonly Rows[] = [launchRows, spawnRows, runRows, jailRows, serveRows];
  for (const [key, row] of tables.flatMap((table) => Object.entries(table))) {
    // child_process takes null for 'pipe'
    if (key === 'stdio') continue;
    t.throws(() => row.normal(null as never, key, {}), { name: 'UsageError' }, key);
  }
});
