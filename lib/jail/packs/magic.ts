// By what the library of file(1) tells kinds of files apart.

import { attempt } from './check.ts';
import type { Pack } from './pack.ts';

// libmagic(3) and magic(5)
const TEXTS = ['/etc/magic', '/etc/magic.mime'];
const DATABASES = ['/usr/share/misc/magic.mgc', '/usr/share/file/magic.mgc', '/usr/lib/file/magic.mgc'];

export const magic: Pack = {
  name: 'magic',
  summary: 'the database of kinds of files',
  when: { libraries: /^libmagic\.so/ },
  parts: [...TEXTS, ...DATABASES].map((path) => ({ path })),
  check: (jail) =>
    attempt(jail, { program: /^file$/, args: ['/etc/passwd'], files: [...TEXTS, ...DATABASES] }),
};
