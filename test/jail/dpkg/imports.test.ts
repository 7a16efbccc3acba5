import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { type FileRoot, openFileRoot } from '../../../lib/tree/root.ts';
import { openImports } from '../../../lib/jail/dpkg/sections.ts';

t.test('a file is read once for all who ask for its imports', async (t) => {
  const host = openFileRoot('/');
  t.teardown(() => host.close());
  let opened = 0;
  const root: FileRoot = {
    ...host,
    open: (path) => {
      opened++;
      return host.open(path);
    },
  };
  const importsOf = openImports(root, ['__libc_start_main']);
  const env = bytePath('/usr/bin/env');
  const imports = importsOf(env);
  t.same([...imports].toSorted(), ['__libc_start_main', 'execvp'], 'env(1) looks its command up in PATH');
  t.equal(importsOf(env), imports);
  t.equal(opened, 1);
  t.equal(importsOf(bytePath('/nonexistent')).size, 0, 'a file that is not there imports nothing');
});
