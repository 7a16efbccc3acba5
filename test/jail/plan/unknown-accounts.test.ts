import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import type { Entry } from '../../../lib/jail/manifest/planned-entry.ts';
import { accountWarning, unknownAccounts } from '../../../lib/jail/plan/unknown-accounts.ts';
import { memoryRoot } from '../../support/binary/image.ts';

const CONFIGURATION = {
  '/etc/nginx/nginx.conf': '# user commented;\nuser www-data;\n',
  '/etc/apache2/envvars': 'export APACHE_RUN_USER=www-data\nexport APACHE_RUN_GROUP="www-data"\n',
  '/etc/rsyslog.conf': '$FileGroup adm\n$FileOwner root\n',
  '/etc/sudo': 'user sam\nuser guest\n',
};
const root = memoryRoot({
  '/etc/passwd': 'root:x:0:0::/:\nwww-data:x:33:33::/:\nsam:x:1000:1000::/:\n',
  '/etc/group': 'root:x:0:\nadm:x:4:\nwww-data:x:33:\n',
  ...CONFIGURATION,
});
const entries = Object.keys(CONFIGURATION).map((name): Entry => {
  const path = bytePath(name);
  return {
    kind: 'file',
    path,
    source: path,
    sizeBytes: 10,
    mode: 0o644,
    reason: { how: 'package', as: 'p' },
  };
});
const wwwData = {
  name: 'www-data',
  uid: 33,
  gid: 33,
  gecos: '',
  home: '/var/www',
  shell: '/bin/sh',
  groups: [{ name: 'www-data', gid: 33 }],
};

t.test('an account of a service that configuration names, and the jail does not know, is told', async (t) => {
  t.same(unknownAccounts(root, entries, []), [
    { name: 'www-data', kind: 'user', by: '/etc/nginx/nginx.conf' },
    { name: 'www-data', kind: 'group', by: '/etc/apache2/envvars' },
    { name: 'adm', kind: 'group', by: '/etc/rsyslog.conf' },
  ]);
  t.same(
    unknownAccounts(root, entries, [wwwData]).map(({ name }) => name),
    ['adm'],
  );
});

t.test('a warning names the line that makes the account known', async (t) => {
  const by = bytePath('/etc/x');
  t.match(accountWarning({ name: 'bind', kind: 'user', by }, bytePath('/j')), {
    kind: 'user',
    name: 'bind',
    message: 'uchroot-jail build /j --user bind',
  });
  t.match(
    accountWarning({ name: 'adm', kind: 'group', by }, bytePath('/j')).message,
    'getent group adm >> /j/etc/group',
  );
});
