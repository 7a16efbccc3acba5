import t from 'tap';

import { knownDaemon } from '../../../../lib/service/adopt/installed/known-daemons.ts';
import { terminalWarning } from '../../../../lib/jail/packs/file-packs.ts';
import {
  changeWarnings,
  chrootWarnings,
  servedWarnings,
  toServiceWarning,
} from '../../../../lib/service/adopt/tell/service-warning.ts';

const paths = [{ path: '/etc/app', isReadOnly: true, isOptional: false }];
const adoption = { paths, entry: 'launcher' } as const;

t.test("a warning of the builder gets this command's options, whatever its words are", async (t) => {
  const message = 'words that may change';
  const linesOf = (warning: object) =>
    toServiceWarning({ ...warning, message } as Parameters<typeof toServiceWarning>[0], adoption);
  t.same(linesOf({ kind: 'other' }), [message]);
  t.same(linesOf({ kind: 'secret', paths: ['/etc/app/key', '/etc/apply', '/srv/k\udc80y'] }), [
    'left out because not world-readable: /etc/apply, /srv/k\\x80y; if it is needed: --ro-bind /etc/apply --ro-bind /srv/k\\x80y',
  ]);
  t.same(linesOf({ kind: 'secret', paths: ['/etc/app/key'] }), [], 'its directory is mounted');
  t.same(linesOf({ kind: 'program', by: '/usr/bin/a', paths: ['/bin/b', '/bin/c'] }), [
    '/usr/bin/a may start /bin/b /bin/c: --program /bin/b --program /bin/c adds that',
  ]);
  t.same(linesOf({ kind: 'package', packages: ['x', 'y'] }), [
    'further parts of the programs are in the packages x, y; if one is needed: --ro-bind brings its files',
  ]);
  t.same(linesOf({ kind: 'user', by: '/etc/app.conf', name: 'joe' }), [
    '/etc/app.conf names the user joe, which the jail does not know: --account joe adds it',
  ]);
  t.same(linesOf({ kind: 'trial', said: '/usr/bin/a --version fails in the jail: a: not found' }), [
    '/usr/bin/a --version fails in the jail: a: not found; if it needs that of the host: --ro-bind PATH, or --program PATH for a program',
  ]);
});

t.test('an adoption tells of what is another than before', async (t) => {
  t.same(
    changeWarnings({ paths, forgeable: [], forgeableLogs: ['/var/log/app/out'], coarse: ['/var/spool'] }),
    [
      'its output goes to the journal, and no longer to /var/log/app/out, which lies in a directory that it can write',
      'its unit lets it write to all of /var/spool, which its jail does not have: --bind brings in what it needs there',
    ],
  );
});

t.test('a jail whose service gets the terminals of the host or of systemd lacks none', async (t) => {
  const warning = { kind: 'other', message: terminalWarning } as const;
  const devpts = { path: '/dev/pts', isReadOnly: false, isOptional: false };
  t.match(toServiceWarning(warning, adoption), [
    /--bind \/dev\/pts --insecure-path brings in those of the host/,
  ]);
  t.same(toServiceWarning(warning, { ...adoption, paths: [devpts] }), []);
  t.same(toServiceWarning(warning, { ...adoption, entry: 'systemd' }), []);
});

t.test('a daemon of root whose configuration asks for chroot(2) needs its capability', async (t) => {
  const warned = (user: string, caps: readonly string[]) =>
    chrootWarnings({ user, caps }, { asksChroot: true }).length;
  t.same([warned('root', []), warned('root', ['sys_chroot']), warned('web', [])], [1, 0, 0]);
});

t.test('a path that is served and not mounted is that of the jail', async (t) => {
  const { served = /none/g } = knownDaemon('/usr/bin/rsync');
  const text =
    '[all]\n path = /\n[app]\npath=/etc/app/\n[etc]\nPath = /etc\n[user]\npath = /srv/%RSYNC_USER%\n# path = /no\n';
  const found = Array.from(text.matchAll(served), ([, path = '']) => path || '/');
  t.same(found, ['/', '/etc/app', '/etc']);
  const service = { settings: {} } as Parameters<typeof servedWarnings>[0]['service'];
  t.match(servedWarnings({ service, paths }, { served: found }), [
    /^its clients see \/ of its jail.* stay on the host$/,
    /^its clients see \/etc of its jail.*: --ro-bind \/etc brings that in$/,
  ]);
});
