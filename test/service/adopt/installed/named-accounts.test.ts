import t from 'tap';

import {
  namedInConfiguration,
  namedInScript,
} from '../../../../lib/service/adopt/installed/named-accounts.ts';

t.test('configuration names accounts in many ways, and comments do not count', async (t) => {
  for (const [text, name] of [
    ['user www-data;', 'www-data'],
    ['export APACHE_RUN_USER=www-data', 'www-data'],
    ['TFTP_USERNAME="tftp"', 'tftp'],
    ['cache_effective_user proxy', 'proxy'],
    ['User debian-tor', 'debian-tor'],
    ['$FileGroup adm', 'adm'],
  ] as const)
    t.same(namedInConfiguration(text), [name], text);
  t.same(namedInConfiguration('# user sam\n ; user joe\n'), []);
});

t.test('scripts of a package name the accounts that they make, and those that get files', async (t) => {
  for (const [text, name] of [
    ['adduser --system --home /var/lib/web \\\n  --group web-d', 'web-d'],
    ['chown -R web:adm /var/log/web', 'web'],
    ['install -d -o web -g adm /var/lib/web', 'web'],
    ['WEB_USER="web"\nadduser $WEB_USER', 'web'],
    ['u! varnish - "Varnish" /nonexistent', 'varnish'],
  ] as const)
    t.ok(namedInScript(text).includes(name), text);
  t.notOk(namedInScript('# chown web /x\necho web').includes('web'));
});
