import t from 'tap';

import { installed } from '../described.ts';
import {
  goneRefusal,
  pathRefusal,
  programRefusal,
  refusalOf,
} from '../../../../lib/service/adopt/tell/service-refusal.ts';

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
    );
  const forking = { Type: 'forking', KillMode: 'process' };
  // what systemd-sysv-generator(8) writes
  t.match(refusal({ ...forking, GuessMainPID: false }, 'inactive'), /KillMode=process, and systemd does not/);
  t.match(refusal({ ...forking, GuessMainPID: true, MainPID: 0 }), /KillMode=process/);
  t.match(refusal({ KillMode: 'none' }), /KillMode=none: systemd ends none of its processes/);
  t.equal(refusal({ ...forking, GuessMainPID: true, MainPID: 7 }), undefined);
  t.equal(refusal({ ...forking, GuessMainPID: false, PIDFile: '/run/web.pid' }), undefined);
  t.equal(refusal({ KillMode: 'process' }), undefined, 'the main process is known');
  t.equal(refusal({ ...forking, KillMode: 'control-group', GuessMainPID: false }), undefined);
});
