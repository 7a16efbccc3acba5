import t from 'tap';

import type { InstalledService } from '../../../../lib/service/adopt/installed/installed-service.ts';
import { needsHint, refusalHint } from '../../../../lib/service/adopt/tell/refusal-hint.ts';
import { refusalOf } from '../../../../lib/service/adopt/tell/service-refusal.ts';

const service = (more: Partial<InstalledService>): InstalledService => ({
  unit: 'nosuch-for-uchroot.service',
  fragment: '',
  isActive: false,
  canReload: false,
  loadState: 'loaded',
  fileState: 'enabled',
  isWanted: true,
  inherited: [],
  isTransient: false,
  lines: [{ kind: 'ExecStart', program: '/bin/true', argv: ['/bin/true'], flags: [] }],
  settings: {},
  ...more,
});

t.test('a unit that is refused has a hint, and no hint takes away what the service works with', async (t) => {
  const hints: readonly (readonly [Partial<InstalledService>, RegExp])[] = [
    [{ loadState: 'not-found' }, /^install it first: systemctl list-unit-files/],
    [{ loadState: 'masked' }, /^systemctl unmask nosuch-for-uchroot\.service$/],
    [{ loadState: 'bad-setting' }, /^systemd-analyze verify nosuch-for-uchroot\.service says/],
    [{ isTransient: true }, /^write a unit to a file first/],
    [{ settings: { Type: 'oneshot' } }, /^leave it as it is, or start its program in a jail/],
    [{ settings: { RootDirectory: '/srv' } }, /systemctl edit --full nosuch-for-uchroot\.service$/],
    [
      { lines: [{ kind: 'ExecStart', program: '/usr/lib/systemd/systemd-journald', argv: [], flags: [] }] },
      /^leave it as it is: systemctl edit nosuch-for-uchroot\.service can/,
    ],
    [
      { settings: { PAMName: 'login' } },
      /^leave it as it is: systemctl edit nosuch-for-uchroot\.service can/,
    ],
  ];
  for (const [more, says] of hints) {
    t.type(refusalOf(service(more)), 'string');
    t.match(refusalHint(service(more)), says);
  }
});

t.test(
  'a service that does not come up is told by what option it gets what its last words name',
  async (t) => {
    t.equal(needsHint('/bin/sh: 1: env: not found'), 'if it needs env of the host: --program /usr/bin/env');
    t.equal(
      needsHint("python3: can't open file '/etc/passwd': [Errno 2] No such file or directory: '/etc/passwd'"),
      'if it needs /etc/passwd of the host: --ro-bind /etc/passwd',
    );
    t.equal(
      needsHint('cat: /etc/group: No such file or directory'),
      'if it needs /etc/group of the host: --ro-bind /etc/group',
    );
    // as programs in Go say it
    t.equal(
      needsHint('could not read "/etc": stat /etc: no such file or directory'),
      'if it needs /etc of the host: --ro-bind /etc',
    );
    t.match(
      needsHint('connect to /proc/self: No such file or directory'),
      /: --ro-bind \/proc\/self --insecure-path {3}# \/proc\/self, which is \/proc\/\d+, lies in \/proc: that shows every/,
      'with what must be accepted',
    );
    t.match(needsHint('it ended'), /--ro-bind PATH, --bind PATH or --program PATH$/);
    t.match(
      needsHint('x: /nosuch: No such file or directory'),
      /--ro-bind PATH, --bind PATH or --program PATH$/,
    );
  },
);
