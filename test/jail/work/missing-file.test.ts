// Messages about a file that a program needs.
import t from 'tap';

import type { MissingFile } from '../../../lib/binary/chain.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { lacks } from '../../../lib/jail/work/missing-file.ts';

const missing = (more: Partial<MissingFile>): MissingFile => ({
  role: 'library',
  reason: 'absent',
  path: bytePath('/usr/bin/x'),
  message: 'it is not there',
  ...more,
});
const neededBy = bytePath('/bin/script');

t.test('the message has the role of the file, and what needs it', async (t) => {
  t.match(lacks(missing({ path: bytePath('libz.so') })), {
    name: 'JailError',
    code: 'ERR_MISSING',
    path: 'libz.so',
    message: 'library libz.so: it is not there',
  });
  t.equal(
    lacks(missing({ role: 'command', neededBy }), ' in the jail').message,
    'command /usr/bin/x, needed by /bin/script in the jail: it is not there',
  );
});

t.test('the hint is for the role', async (t) => {
  const hint = (more: Partial<MissingFile>) => lacks(missing(more)).hint;
  t.equal(
    hint({ role: 'program', reason: 'no-interpreter' }),
    'a file that is no program is copied by: --copy /usr/bin/x',
  );
  t.equal(hint({ role: 'program' }), undefined);
  t.equal(hint({ role: 'dlopen', reason: 'no-interpreter' }), undefined);
  t.equal(hint({ role: 'library', neededBy }), undefined);
  t.equal(hint({ role: 'command' }), undefined);
  for (const role of ['command', 'script-interpreter'] as const) {
    t.equal(
      hint({ role, neededBy }),
      'install it on the host, or write the right interpreter into the first line of /bin/script',
    );
    t.match(
      hint({ role, neededBy, path: bytePath('/bin/sh\r') }),
      /^\S.*\/bin\/script {3}# the line ends in a carriage/,
    );
  }
});
