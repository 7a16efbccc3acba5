// How options of the command line set keys of a request.
import t from 'tap';

import { launchOption } from '../../../lib/launch/request/launch-option.ts';
import { onOff, optionsOf, setKeys, type Rows } from '../../../lib/launch/request/option-row.ts';

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
