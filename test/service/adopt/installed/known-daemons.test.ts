// The lines by which daemons test their configuration, and lines that do more.
import t from 'tap';

import { isConfigurationTest } from '../../../../lib/service/adopt/installed/known-daemons.ts';
import type { ExecKind } from '../../../../lib/service/adopt/installed/installed-service.ts';

function isTest(words: string, kind: ExecKind = 'ExecStartPre', ...flags: string[]): boolean {
  const argv = words.split(' ');
  return isConfigurationTest({ kind, program: argv[0] ?? '', flags }, argv);
}

t.test('lines of Debian’s units that test a configuration', async (t) => {
  for (const words of [
    '/usr/sbin/nginx -t -q -g daemon_on;',
    '/usr/sbin/sshd -t',
    '/usr/sbin/lighttpd -tt -f /etc/lighttpd/lighttpd.conf',
    '/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -c -q -S /run/haproxy-master.sock',
    '/usr/sbin/proftpd --configtest -c /etc/proftpd/proftpd.conf',
    '/usr/bin/tor --defaults-torrc /usr/share/tor/torrc -f /etc/tor/torrc --RunAsDaemon 0 --verify-config',
    '/usr/share/dnsmasq/systemd-helper checkconfig',
    '/usr/sbin/dnsmasq --test',
    '/usr/sbin/apachectl configtest',
    '/usr/sbin/collectd -t',
    '/usr/sbin/bird -p',
    '/usr/sbin/freeradius -Cx -lstdout',
    '/usr/sbin/nagios4 -v /etc/nagios4/nagios.cfg',
    '/usr/sbin/squid --foreground -k parse',
    '/usr/sbin/keepalived --config-test',
    '/usr/sbin/syslog-ng --syntax-only',
    '/usr/bin/web -c /etc/web.conf check',
    '/usr/bin/web validate --config /etc/web.conf',
    '/usr/bin/web -check-config',
  ])
    for (const kind of ['ExecStartPre', 'ExecReload'] as const) t.ok(isTest(words, kind), words);
});

t.test('a line without a word for a test may change data', async (t) => {
  for (const words of [
    '/opt/app/app migrate',
    '/opt/app/app',
    '/usr/sbin/squid --foreground -z',
    '/usr/bin/web -c /etc/web.conf',
    '/usr/bin/web -c',
    '/usr/bin/web wait-for-db',
    '/usr/bin/web --checkpoint',
    '/usr/sbin/nginx -s reload',
  ])
    for (const kind of ['ExecStartPre', 'ExecReload'] as const) t.notOk(isTest(words, kind), words);
});

t.test('a line with a word for a test is none if another word may name an action', async (t) => {
  for (const words of [
    '/usr/bin/d -c /etc/d.conf reload',
    '/opt/app/app migrate -t',
    '/opt/app/app --check migrate',
    '/opt/app/app -t -v migrate',
    '/opt/app/app check init-db',
  ])
    t.notOk(isTest(words, 'ExecReload'), words);
});

t.test('-t with a value is another option', async (t) => {
  t.notOk(isTest('/usr/bin/memcached -t 4'));
  t.notOk(isTest('/usr/sbin/named -t /var/lib/named'));
  t.ok(isTest('/usr/bin/web -t --quiet'));
});

t.test('a line of an interpreter, or one whose failure is ignored, is no test', async (t) => {
  t.notOk(isTest('/usr/bin/python3 /opt/web/serve.py --check'));
  t.notOk(isTest('/usr/bin/env -t', 'ExecReload'));
  t.notOk(isTest('/usr/bin/web -t', 'ExecStartPre', 'ignore-failure'));
  t.ok(isTest('/usr/bin/web -t', 'ExecStartPre', 'no-setuid'));
});

t.test('only a line before the start or of a reload is one', async (t) => {
  for (const kind of ['ExecStart', 'ExecStartPost', 'ExecStop', 'ExecCondition'] as const)
    t.notOk(isTest('/usr/bin/web -t', kind), kind);
});
