// What somebody is told who imports a name that uchroot does not have.
import { createRequire } from 'node:module';

import t from 'tap';

import { foreignExports } from '../../lib/mistakes/foreign-exports.ts';
import * as index from '../../lib/index.ts';
import * as posix from '../../lib/posix.ts';
import * as tcpwrappers from '../../lib/tcpwrappers/index.ts';
import { packageDirectory } from '../support/launch.ts';

const entries: Readonly<Record<keyof typeof foreignExports, object>> = { index, posix, tcpwrappers };
const require = createRequire(import.meta.url);

for (const [entry, library] of Object.entries(entries) as [keyof typeof entries, object][])
  t.test(`a name that ${entry} does not have says what is meant`, async (t) => {
    const packed = `${packageDirectory}/dist/package/${entry}`;
    const imported = (await import(`${packed}.mjs`)) as Readonly<Record<string, unknown>>;
    const required = require(`${packed}.cjs`) as Readonly<Record<string, unknown>>;
    t.same(
      Object.keys(required).toSorted(),
      Object.keys(library).toSorted(),
      'a loop sees only what there is',
    );
    for (const [name, hint] of Object.entries(foreignExports[entry])) {
      t.notOk(name in library, `${name} is not an export`);
      for (const given of [imported[name], required[name]])
        t.throws(given as () => never, { name: 'UsageError', code: 'ERR_USAGE', hint }, name);
    }
  });

t.test('each of these hints names something that is there', async (t) => {
  const places: Readonly<Record<string, object>> = {
    uchroot: index,
    'uchroot/posix': posix,
    'uchroot/tcpwrappers': tcpwrappers,
  };
  for (const [entry, names] of Object.entries(foreignExports))
    for (const [name, hint] of Object.entries(names)) {
      const [, meant] = /^did you mean ([\w.]+)\(\)\?$/.exec(hint) ?? [];
      const [, other, from = ''] = /^write import \{ (\w+) \} from '([^']+)'/.exec(hint) ?? [];
      const [, called] = /\b([a-z]\w+)\(/.exec(hint) ?? [];
      const word = meant ?? other ?? called ?? '';
      const isOfNode = word.startsWith('process.') && word.slice('process.'.length) in process;
      const place = other === undefined ? entries[entry as keyof typeof entries] : places[from];
      t.ok(isOfNode || (place !== undefined && word in place), `${entry}: ${name}: ${hint}`);
    }
});
