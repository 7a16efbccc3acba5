// Drop-ins that systemd reads after ours.
import t from 'tap';

import {
  laterRefusal,
  laterWarnings,
  withOwn,
} from '../../../../lib/service/adopt/installed/later-drop-in.ts';

const place = '/etc/systemd/system/web.service.d';
const unit = '# /usr/lib/systemd/system/web.service\n[Service]\nExecStart=web\nUser=web\n';
const file = (name: string, ...lines: readonly string[]): string =>
  `# ${place}/${name}\n[Service]\n${lines.join('\n')}\n`;
const text =
  '[Service]\nExecStart=\nExecStart=!/jail/start\nExecReload=\nExecReload=kill 1\nBindPaths=/a:/b\nProtectHome=yes\n';
const own = { text, directory: '/jail' };

t.test('one that sets a command, or takes back a list, keeps the service out of its jail', async (t) => {
  for (const line of ['ExecStart=other', ' ExecStart = other', 'ExecStart=', 'BindPaths=']) {
    const name = line.includes('Bind') ? 'BindPaths' : 'ExecStart';
    t.same(laterRefusal('web.service', unit + file('zz.conf', 'Nice=1', line), own), {
      message: `web.service cannot be adopted: ${place}/zz.conf sets ${name}=, and systemd reads it after uchroot.conf`,
      hint: `give it a name that comes before: mv ${place}/zz.conf ${place}/10-zz.conf`,
    });
    for (const earlier of ['override.conf', 'uchroot.conf'])
      t.equal(laterRefusal('web.service', unit + file(earlier, line), own), undefined);
  }
});

t.test('one that sets something else is told, if ours sets that too', async (t) => {
  const later = file(
    'zz.conf',
    'ProtectHome=no',
    'BindPaths=/c',
    'Nice=1',
    '# ExecStart=x',
    'ProtectHome=no',
  );
  t.equal(laterRefusal('web.service', unit + later, own), undefined);
  t.same(laterWarnings(unit + later, own), [
    `${place}/zz.conf sets ProtectHome=, which counts more than that of uchroot.conf`,
    `${place}/zz.conf sets BindPaths=, which counts more than that of uchroot.conf`,
  ]);
  t.same(laterWarnings(unit + file('a.conf', 'ProtectHome=no'), own), []);
  const reload = unit + file('zz.conf', 'ExecReload=', 'ExecReload=kill 2');
  t.equal(laterRefusal('web.service', reload, own), undefined, 'it works on the host');
});

t.test('ours stands before them', async (t) => {
  const [earlier, later] = [file('a.conf', 'Nice=1'), file('zz.conf', 'Nice=2')];
  t.equal(withOwn(unit + earlier + later, text), [unit, earlier, text, later].join('\n'));
});
