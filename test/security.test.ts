// SECURITY.md names a test for each guarantee, and doc/untrusted.md one for each attack: they are there, under these names.
import { readFileSync } from 'node:fs';

import t from 'tap';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const [, guarantees = ''] = /## What uchroot guarantees\n(.*?)\n## /s.exec(read('SECURITY.md')) ?? [];
const bullets = guarantees.split(/\n- /).slice(1);

const [, attacks = ''] =
  /## Each attack, and what stops it\n(.*?)\n## /s.exec(read('doc/untrusted.md')) ?? [];
const rows = attacks.trim().split('\n').slice(2);

t.test('each guarantee, and each attack, names a test, and each of these is there', async (t) => {
  t.ok(bullets.length > 10 && rows.length > 10);
  for (const bullet of [...bullets, ...rows]) {
    const named = [...bullet.matchAll(/((?:"[^"]+"(?:,| and)?\s+)+)\((test\/[^)]+)\)/g)];
    t.ok(named.length > 0, bullet.slice(0, 60));
    for (const [, names = '', file = ''] of named) {
      const source = read(file);
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g))
        t.ok(source.includes(name), `${file}: ${name}`);
    }
  }
});
