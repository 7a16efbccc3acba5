// The shell of a jail that a hint names.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { shellOfJail } from '../../../lib/launch/request/jail-shell.ts';
import { templateWords } from '../../../lib/launch/request/template-words.ts';
import { temporaryDirectory } from '../../support/launch.ts';

const jail = temporaryDirectory();
mkdirSync(`${jail}/bin`);
writeFileSync(`${jail}/bin/bash`, '');

t.test('a hint names the shell that the jail has', async (t) => {
  chmodSync(`${jail}/bin/bash`, 0o644);
  t.equal(shellOfJail(jail), '/bin/sh');
  chmodSync(`${jail}/bin/bash`, 0o755);
  t.equal(shellOfJail(jail), '/bin/bash');
  t.equal(shellOfJail(Buffer.from(jail)), '/bin/bash');
  for (const none of [undefined, 5, '', 'a\0b', `${jail}/bin`]) t.equal(typeof shellOfJail(none), 'string');
  const texts = Object.assign(['ls | cat'], { raw: ['ls | cat'] });
  t.throws(() => templateWords(texts, [], Buffer.from(jail)), {
    name: 'UsageError',
    hint: /jail\.\$`\/bin\/bash -c /,
  });
  writeFileSync(`${jail}/bin/sh`, '', { mode: 0o755 });
  t.equal(shellOfJail(jail), '/bin/sh');
});
