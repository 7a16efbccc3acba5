import t from 'tap';

import type { InstalledService } from '../../../lib/service/adopt/installed/installed-service.ts';
import { installed } from '../../support/service/described.ts';
import {
  directoryRefusal,
  goneRefusal,
  pathRefusal,
  programRefusal,
  refusalOf,
} from '../../../lib/service/adopt/service-refusal.ts';

t.test(
  'a program that was named and is gone, or is a directory, has a hint with options of this command',
  async (t) => {
    const kinds: Readonly<Record<string, 'file' | 'directory'>> = { '/bin/a': 'file', '/srv/d': 'directory' };
    const refusal = (...programs: string[]) => programRefusal('web.service', programs, (path) => kinds[path]);
    t.equal(refusal('/bin/a'), undefined);
    t.same(refusal('/bin/a', '/srv/d'), {
      message: '/srv/d is a directory, and no program',
      hint: '--ro-bind /srv/d brings it into the jail',
    });
    t.same(refusal('/bin/gone'), {
      message: 'web.service: the program /bin/gone, which was named with --program, is not there',
      hint: 'put it back; to do without it: uchroot-service release web.service, then adopt it again',
    });
  },
);

t.test('a service whose unit has gone can only be released', async (t) => {
  t.equal(goneRefusal({ unit: 'web.service', loadState: 'loaded' }), undefined);
  t.same(goneRefusal({ unit: 'web.service', loadState: 'not-found' }), {
    message: 'the unit web.service has gone',
    hint: 'install it again, or remove its jail: uchroot-service release web.service',
  });
});

t.test('a directory of the service that no setting can mount is refused', async (t) => {
  t.equal(pathRefusal('web.service', [{ path: '/var/lib/web' }, { path: '/var/lib/100%' }]), undefined);
  for (const path of ['/var/lib/my dir', '/etc/a:b', '/srv/"x"'])
    t.match(pathRefusal('web.service', [{ path }])?.message, `it has the path ${path}: blanks`);
});

t.test('a service whose processes systemd does not end is refused before anything stops', async (t) => {
  const refusal = (settings: object, state = 'active'): string | undefined =>
    refusalOf(
      installed({ ExecStartEx: [['/bin/web', ['/bin/web'], []]], ...settings }, { ActiveState: state }),
    )?.message;
  const forking = { Type: 'forking', KillMode: 'process' };
  // what systemd-sysv-generator(8) writes
  t.match(refusal({ ...forking, GuessMainPID: false }, 'inactive'), /KillMode=process, and systemd does not/);
  t.match(refusal({ ...forking, GuessMainPID: true, MainPID: 0 }), /KillMode=process/);
  // as auditd has it
  t.match(refusal({ RefuseManualStop: true }), /RefuseManualStop=: systemd does not restart it/);
  t.match(refusal({ KillMode: 'none' }), /KillMode=none: systemd ends none of its processes/);
  t.equal(refusal({ ...forking, GuessMainPID: true, MainPID: 7 }), undefined);
  t.equal(refusal({ ...forking, GuessMainPID: false, PIDFile: '/run/web.pid' }), undefined);
  t.equal(refusal({ KillMode: 'process' }), undefined, 'the main process is known');
  t.equal(refusal({ ...forking, KillMode: 'control-group', GuessMainPID: false }), undefined);
});

t.test('a service does not start in a directory that its jail lacks', async (t) => {
  const refusal = (cwd: string) =>
    directoryRefusal(
      installed({ BindPaths: [['/opt/web', '/mnt/web', false, 0]] }),
      cwd,
      [{ path: '/var/lib/web' }, { path: '/homes' }],
      (path) => path === '/usr' || path === '/home/web',
    );
  for (const cwd of [
    '',
    '/usr',
    '/usr//',
    '/var/lib/web',
    '/var/lib/web/x/',
    '/mnt/web',
    '/homes/own',
    '!/home/web',
  ])
    t.equal(refusal(cwd), undefined, cwd);
  t.same(refusal('/srv/web/'), {
    message: 'web.service cannot be adopted: its WorkingDirectory=, /srv/web, is not in the jail',
    hint: '--ro-bind /srv/web brings it in; if the service writes there: --bind /srv/web',
  });
  for (const cwd of ['/root', '/home/web'])
    t.same(refusal(cwd), {
      message: `web.service cannot be adopted: its WorkingDirectory=, ${cwd}, is hidden by ProtectHome=, which an adopted service has`,
      hint: 'name another directory: systemctl edit --full web.service',
    });
});

const described = (more: Partial<InstalledService>): InstalledService => ({
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
    t.match(refusalOf(described(more))?.hint, says);
  }
});
