// SECURITY.md names a test for each guarantee, doc/untrusted.md one for each attack, and doc/incidents.md one for each incident, or a row of
// doc/escapes.md: they are there, under these names.
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

const incidents = read('doc/incidents.md')
  .split('\n')
  .filter((line) => /^\| (?:CVE-|no number)/.test(line));

t.test('each incident names a test or a row of escapes, and each of these is there', async (t) => {
  const escapes = new Set([...read('doc/escapes.md').matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name));
  t.ok(incidents.length >= 30 && escapes.size > 150);
  t.equal(new Set(incidents.map((line) => line.split(',')[0])).size, incidents.length, 'each once');
  for (const line of incidents) {
    const [, incident = '', , , shown = ''] =
      line.split(' | ').length === 4 ? ['', ...line.split(' | ')] : [];
    const tests = [...shown.matchAll(/((?:"[^"]+"(?:,| and)?\s*)+)\((test\/[^)]+)\)/g)];
    const rowNames = [...(/\brows? (.*)/.exec(shown)?.[1] ?? '').matchAll(/`([^`]+)`/g)].map(
      ([, name]) => name,
    );
    t.ok(tests.length + rowNames.length > 0, incident);
    for (const [, names = '', file = ''] of tests)
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g))
        t.ok(read(file).includes(name), `${file}: ${name}`);
    t.same(
      rowNames.filter((name) => !escapes.has(name)),
      [],
      incident,
    );
  }
});
