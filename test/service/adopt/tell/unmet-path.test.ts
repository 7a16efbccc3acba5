import t from 'tap';

import { directoryRefusal } from '../../../../lib/service/adopt/tell/unmet-path.ts';
import { installed } from '../described.ts';

t.test('a service does not start in a directory that its jail lacks', async (t) => {
  const refusal = (cwd: string) =>
    directoryRefusal({
      service: installed({ BindPaths: [['/opt/web', '/mnt/web', false, 0]] }),
      own: [],
      paths: [{ path: '/var/lib/web' }, { path: '/homes' }],
      cwd,
      isInJail: (path) => path === '/usr' || path === '/home/web',
    });
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
