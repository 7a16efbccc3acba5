// The reports of uchroot-jail, word for word.
import t from 'tap';

import {
  newsLeft,
  showBuilt,
  showExplanation,
  showList,
  showUpdate,
} from '../../../lib/bin/jail/jail-report.ts';
import type { JailReport, UpdateReport } from '../../../lib/jail/building.ts';
import type { Explanation, JailList } from '../../../lib/jail/listing.ts';

const part = { package: 'git', files: 3, sizeBytes: 1_000_000, path: '/bin/git', because: 'asked for' };
const side = { kind: 'file', mode: '0644', uid: 0, gid: 5, sha256: 'ab' };
const report = (some: Partial<Record<keyof UpdateReport, unknown>> = {}) =>
  ({
    files: 7,
    sizeBytes: 2_500_000,
    changes: [],
    parts: [],
    packs: [],
    leftOut: [],
    removable: [],
    left: [],
    packages: [],
    extra: [],
    ...some,
  }) as unknown as JailReport & UpdateReport;
const pack = (name: string, sizeBytes: number, trigger?: string) => ({ name, sizeBytes, trigger });
const changes = [
  { kind: 'added', path: '/a\udcff', package: 'p' },
  { kind: 'removed', path: '/b' },
];

t.test('a build tells its packs, what is left out, and its size', async (t) => {
  const packs = [pack('base', 9e6), pack('tls', 999_999), pack('perl', 1_000_000, '/bin/x'), pack('nss', 1)];
  t.equal(
    showBuilt('/srv/jail', report({ packs, leftOut: ['/c'], changes }), false),
    `pack tls
pack perl: for /bin/x, 1.0 MB
pack nss
left out: /c; --copy brings it
/srv/jail: 7 files, 2.5 MB, 2.0 MB of it by packs, which --no-pack leaves out
`,
  );
  for (const [sizeBytes, more] of [
    [999_999, ''],
    [1_000_000, ', 1.0 MB of it by packs, which --no-pack leaves out'],
  ] as const)
    t.ok(
      showBuilt('/srv/jail', report({ packs: [pack('tls', sizeBytes)] }), false).endsWith(
        `/srv/jail: 7 files, 2.5 MB${more}\n`,
      ),
    );
});

t.test('a plan of a build tells its changes and its largest parts too', async (t) => {
  const parts = [
    part,
    { ...part, package: undefined },
    ...Array.from({ length: 9 }, (_, i) => ({ ...part, package: `p${i}` })),
  ];
  const lines = showBuilt(
    '/srv/jail',
    report({ changes, parts: [...parts, { ...part, sizeBytes: 999_999 }] }),
    true,
  );
  t.same(lines.split('\n').slice(0, 5), [
    String.raw`added /a\xff (p)`,
    'removed /b',
    'part package git, 1.0 MB: /bin/git, asked for',
    'part files of no package, 1.0 MB: /bin/git, asked for',
    'part package p0, 1.0 MB: /bin/git, asked for',
  ]);
  t.equal(lines.match(/^part /gm)?.length, 10);
  const small = showBuilt('/srv/jail', report({ parts: [{ ...part, sizeBytes: 999_999 }] }), true);
  t.notMatch(small, /^part /m);
});

t.test('an update tells what has changed and what has been left', async (t) => {
  const kept = { path: '/etc/x', because: 'changed', jail: side, host: { ...side, sha256: undefined } };
  const link = { path: '/l', because: 'removed', jail: undefined, host: { ...side, target: '/to' } };
  const packages = [
    { package: 'git', from: '1', to: '2' },
    { package: 'new', to: '3' },
    { package: 'old', from: '4' },
  ];
  t.equal(
    showUpdate('/srv/jail', report({ changes, packages, extra: ['/e'], left: [kept, link] }), false),
    String.raw`added /a\xff (p)
removed /b
git: 1 → 2
new: not there → 3
old: 4 → no longer needed
left alone: /e
left as it is: /etc/x: it was changed in the jail: in the jail file 0644 0:5 sha256 ab; planned file 0644 0:5
left as it is: /l: it was removed in the jail: in the jail nothing; planned link to /to
/srv/jail: 7 files, 2.5 MB, 2 changed, 2 left as they are
`,
  );
  const last = (some: Partial<Record<keyof UpdateReport, unknown>>, isPlan = false) =>
    showUpdate('/srv/jail', report(some), isPlan).split(', ').slice(2).join(', ');
  t.equal(last({}), 'up to date\n');
  t.equal(last({ changes }, true), '2 to change\n');
  t.match(last({ left: [kept] }), /0 changed, 1 left as it is\n$/);
});

t.test('newer files of the host that were not put in the jail are a warning, with the command', async (t) => {
  const left = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ path: `/x${i}`, isOutdated: true, because: 'changed' }));
  t.same(newsLeft('/srv/jail', report({ left: [{ path: '/x', isOutdated: false }] })), []);
  t.same(newsLeft('/srv/jail', report({ left: left(1) })), [
    'newer versions on the host were not put in the jail: /x0; to replace the old ones: uchroot-jail update /srv/jail --replace /x0; to keep them: uchroot-jail update /srv/jail --keep /x0',
  ]);
  const [five, six] = [5, 6].map((count) => newsLeft('/srv/jail', report({ left: left(count) }))[0]);
  t.match(five, /: \/x0, \/x1, \/x2, \/x3, \/x4; to replace/);
  t.match(
    six,
    /: \/x0, \/x1, \/x2, \/x3, \/x4 \(and 1 more\); to replace.* --replace \/x4; to keep.* --keep \/x4$/,
  );
});

const file = { path: '/bin/a', kind: 'file', because: 'asked for' };

t.test('a list has files, packs and packages', async (t) => {
  const list = {
    files: [
      file,
      { ...file, path: '/etc', kind: 'directory' },
      { ...file, path: '/l', kind: 'link', target: 'a' },
    ],
    packs: [pack('tls', 0, '/bin/a'), pack('base', 0)],
    packages: { git: '1' },
  };
  t.equal(
    showList(list as unknown as JailList),
    `/bin/a: asked for
/etc/: asked for
/l -> a: asked for
pack tls: for /bin/a
pack base
package git 1
`,
  );
});

t.test('an explanation has what is known of a file, and the reasons', async (t) => {
  const show = (some: object) =>
    showExplanation({
      path: '/bin/a',
      reasons: ['needed by /b', 'asked for'],
      ...some,
    } as unknown as Explanation);
  t.equal(show({ file: undefined }), '/bin/a was not put there by uchroot-jail\n');
  t.equal(show({ file }), '/bin/a\n← needed by /b\n  ← asked for\n');
  const all = { ...file, sizeBytes: 5, source: '/usr/bin/a', package: 'p', sha256: 'ab' };
  const rest = '← needed by /b\n  ← asked for\n';
  t.equal(
    show({ file: all, version: '1.2' }),
    `/bin/a, 5 bytes\ncopied from /usr/bin/a\nof package p 1.2\nsha256 ab\n${rest}`,
  );
  t.equal(show({ file: { ...file, source: '/bin/a', package: 'p' } }), `/bin/a\nof package p\n${rest}`);
});
