import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { wantedWarnings } from '../../../lib/jail/plan/package.ts';
import { accountWarning } from '../../../lib/jail/plan/unknown-accounts.ts';
import { complaintOf } from '../../../lib/jail/jail-trial.ts';

t.test('a suggested line can be typed if the jail or a file has a blank in its path', async (t) => {
  const jail = bytePath('/srv/my jail');
  const by = bytePath('/etc/x');
  const programs = [{ path: bytePath('/opt/a b'), by }];
  const lines = [
    ...wantedWarnings({ programs, packages: ['p'] }, jail).map(({ message }) => message),
    accountWarning({ name: 'bind', kind: 'user', by }, jail).message,
    accountWarning({ name: 'adm', kind: 'group', by }, jail).message,
    complaintOf("/opt/it's --version", jail, 'x: not found'),
    complaintOf('/opt/x version', jail, 'x: not found', true),
  ];
  const wanted = [
    "uchroot-jail build '/srv/my jail' '/opt/a b' adds that",
    "uchroot-jail build '/srv/my jail' --package p adds them",
    "uchroot-jail build '/srv/my jail' --user bind adds it",
    "getent group adm >> '/srv/my jail/etc/group' adds it",
    "uchroot-jail build '/srv/my jail' --learn \"/opt/it's --version\" adds",
    "mkdir -p '/srv/my jail/proc' && mount -t proc proc '/srv/my jail/proc' gives",
  ];
  for (const [index, words] of wanted.entries()) t.match(lines[index], words);
});
