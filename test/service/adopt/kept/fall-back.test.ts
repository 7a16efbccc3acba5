// The drop-in that mounts copies of the configuration.
import t from 'tap';

import { withCopies, writtenPaths } from '../../../../lib/service/adopt/kept/fall-back.ts';
import { mountsFrom } from '../../../../lib/service/adopt/kept/kept-configuration.ts';

const copies = { directory: '/copies/3', writable: '/copies/.3', paths: ['/etc/web', '/etc/own.conf'] };

const bySystemd = `# made
[Service]
RootDirectory=/jail
BindPaths=-/etc/web
BindReadOnlyPaths=/etc/own.conf
BindReadOnlyPaths=-/etc/web2
BindPaths=/var/lib/web
`;

const byLauncher = `[Service]
BindReadOnlyPaths=-/etc/web:/jail/etc/web
BindPaths=/var/lib/web:/jail/var/lib/web
`;

t.test('copies are mounted at the places of the live paths, and written only as duplicates', async (t) => {
  t.equal(
    withCopies(bySystemd, copies),
    `# made
[Service]
RootDirectory=/jail
BindPaths=/copies/.3/etc/web:/etc/web
BindReadOnlyPaths=/copies/3/etc/own.conf:/etc/own.conf
BindReadOnlyPaths=-/etc/web2
BindPaths=/var/lib/web
`,
  );
  t.match(withCopies(byLauncher, copies), '\nBindReadOnlyPaths=/copies/3/etc/web:/jail/etc/web\n');
});

t.test('the paths of which a service needs duplicates are those that it may write', async (t) => {
  t.same(writtenPaths(bySystemd, copies.paths), ['/etc/web']);
  t.same(writtenPaths(byLauncher, copies.paths), []);
});

t.test('such a drop-in can be told', async (t) => {
  for (const text of [bySystemd, byLauncher]) {
    t.notOk(mountsFrom(text, copies));
    t.ok(mountsFrom(withCopies(text, copies), copies));
    t.notOk(mountsFrom(withCopies(text, copies), { directory: '/copies/2', writable: '/copies/.2' }));
  }
});
