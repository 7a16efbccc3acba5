// The page of `uchroot-jail explain --html`.
import t from 'tap';

import { jailPage, tiles } from '../../../lib/bin/jail/jail-page.ts';
import type { Manifest, Recorded } from '../../../lib/jail/manifest/manifest.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import type { BytePath } from '../../../lib/tree/path.ts';

t.test('areas are as large as the sizes, and fill the box without lying on each other', async (t) => {
  const box = { x: 5, y: 7, width: 300, height: 200 };
  for (const sizes of [
    [1],
    [5, 5],
    [60, 20, 10, 5, 3, 1, 1],
    Array.from({ length: 500 }, (_, at) => 501 - at),
  ]) {
    const sum = sizes.reduce((all, size) => all + size, 0);
    const boxes = tiles(sizes, box);
    t.equal(boxes.length, sizes.length);
    for (const [at, { x, y, width, height }] of boxes.entries()) {
      t.ok(Math.abs(width * height - ((sizes[at] ?? 0) / sum) * 60_000) < 0.01, `area ${at}`);
      const isInside =
        x > 4.99 && y > 6.99 && x + width < 305.01 && y + height < 207.01 && width > 0 && height > 0;
      t.ok(isInside, `inside ${at}`);
    }
    const overlap = boxes.some((a, at) =>
      boxes
        .slice(at + 1)
        .some(
          (b) =>
            Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 0.01 &&
            Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > 0.01,
        ),
    );
    t.notOk(overlap);
  }
});

const file = (path: string, sizeBytes: number, reason: Reason): Recorded => ({
  path: path as BytePath,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes,
  reason,
  package: 'p<b>',
});

const page = (entries: readonly Recorded[], directory = '/srv/jail'): string =>
  jailPage(Buffer.from(directory), {
    entries,
    packages: { 'p<b>': '1"2' },
    packs: [],
    recipe: {} as Manifest['recipe'],
  });

t.test('each name is text, and the page runs and loads nothing', async (t) => {
  const by = '/bin/"><script>' as BytePath;
  const html = page(
    [
      file(by, 500, { how: 'asked' }),
      file("/lib/<img src=x onerror='x'>&amp;\xff\x1b]0;", 400, { how: 'library', by, as: '</td><script>' }),
      file('/etc/x', 300, { how: 'pack', as: '<svg onload=x>' }),
      { ...file('/link', 0, { how: 'layout' }), kind: 'link' },
    ],
    '/srv/</title><script>',
  );
  t.match(
    html,
    /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/,
  );
  t.notMatch(html, /<script|<img|<svg on|\x1b|onerror='/);
  const names = new Set(Array.from(html.matchAll(/<([a-z]+)/g), ([, name]) => name));
  const own = 'html meta title style h p svg g rect a text details summary table tr td'.split(' ');
  t.same(
    [...names].filter((name) => !own.includes(name ?? '')),
    [],
  );
  t.match(html, '3 files, 1200 bytes');
  t.match(html, 'pack &#60;svg onload=x&#62;: 1 file, 300 bytes');
});

t.test('a file is in the group of its nearest cause, and a link leads to its reasons', async (t) => {
  const program = '/bin/sh' as BytePath;
  const html = page([
    file('/data', 10, { how: 'copied' }),
    file(program, 900, { how: 'asked' }),
    file('/lib/libc.so.6', 1800, { how: 'library', by: program, as: 'libc.so.6' }),
    file('/share/x', 100, { how: 'pack', as: 'locale', by: program }),
    ...Array.from({ length: 3 }, (_, at) => file(`/small/${at}`, 0, { how: 'layout' })),
  ]);
  const groups = Array.from(html.matchAll(/<summary [^>]*>([^<]*)</g), ([, words]) => words);
  t.same(groups, [
    '/bin/sh: 2 files, 2700 bytes',
    'pack locale: 1 file, 100 bytes',
    'to be copied: 1 file, 10 bytes',
    'part of every jail: 3 files, 3 bytes',
  ]);
  const links = Array.from(html.matchAll(/<a href="#([^"]+)"/g), ([, id = '']) => id);
  t.equal(links.length, new Set(links).size);
  for (const id of links) t.ok(html.includes(`<tr id="${id}">`), id);
  t.match(html, '<td>needed by /bin/sh as libc.so.6 ← asked for</td>');
});
