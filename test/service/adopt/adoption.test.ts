// As whom a service starts, what tests its configuration, and what is known of its program.
import t from 'tap';

import { capabilityNames } from '../../../lib/launch/request/capabilities.ts';
import { checksOf, ownLines, variablesOf } from '../../../lib/service/adopt/adoption.ts';
import { chooseIdentity } from '../../../lib/service/adopt/identity.ts';
import {
  directoryLinks,
  directoryVariables,
  filterOf,
  hasCredentials,
  toInstalled,
} from '../../../lib/service/adopt/installed/installed-service.ts';
import { knownDaemon } from '../../../lib/service/adopt/installed/known-daemons.ts';
import { adopted, daemon, installed, line } from '../../support/service/described.ts';

const checks = (lines: Record<string, unknown>): unknown => checksOf(adopted(installed(lines)).own);

t.test('a set of all capabilities has each of them', async (t) => {
  for (const full of [2 ** 41 - 1, 2 ** 64]) {
    const { caps } = chooseIdentity(installed({ ...daemon, User: 'web', AmbientCapabilities: full }));
    t.same(caps, capabilityNames.slice(0, 41), `${full}`);
  }
});

t.test('a service keeps its group, unless it takes another account', async (t) => {
  const groupOf = (settings: object, wanted?: string): string | undefined =>
    chooseIdentity(installed({ ...daemon, ...settings }), { user: wanted }).group;
  t.equal(groupOf({ User: 'web', Group: 'www' }), 'www');
  t.equal(groupOf({ User: 'web' }), undefined);
  t.equal(groupOf({ Group: 'www' }), 'www');
  t.equal(groupOf({ Group: 'www' }, 'web'), undefined);
});

t.test('an account that the caller names may bind a port, a known daemon has what it needs', async (t) => {
  const capsOf = (program: string, wanted?: string): readonly string[] =>
    chooseIdentity(installed({ ExecStartEx: [line(program)] }), { user: wanted }).caps;
  t.same(capsOf('/usr/bin/web', 'web'), ['net_bind_service']);
  t.same(capsOf('/usr/sbin/mosquitto'), []);
  t.same(capsOf('/usr/sbin/mosquitto', 'root'), knownDaemon('').caps);
  t.same(capsOf('/usr/sbin/haproxy'), [...knownDaemon('').caps, 'sys_chroot']);
});

t.test('a unit that limits its capabilities names those that an unknown daemon uses', async (t) => {
  const mask = [5, 14, 18, 21].reduce((all, one) => all + 2 ** one, 0); // kill, ipc_lock, sys_chroot, sys_admin
  const capsOf = (program: string, caps?: readonly string[]): readonly string[] =>
    chooseIdentity(installed({ ExecStartEx: [line(program)], CapabilityBoundingSet: mask }), { caps }).caps;
  t.same(capsOf('/usr/bin/web'), ['kill', 'ipc_lock'], 'but none that leads out of the jail');
  t.same(capsOf('/usr/bin/web', ['sys_admin']), ['kill', 'ipc_lock', 'sys_admin'], 'unless it is asked for');
  t.same(capsOf('/usr/lib/x/systemd-memcached-wrapper'), []);
});

t.test('the reason names the account and the capabilities', async (t) => {
  const reasonOf = (bounding: number, wanted?: string): string =>
    chooseIdentity(installed({ ...daemon, CapabilityBoundingSet: bounding }), { user: wanted }).reason;
  t.equal(reasonOf(0), 'the unit starts it as root: root of the jail, with no capability');
  t.equal(
    reasonOf(2 ** 10, 'web'),
    'the unit starts it as root: web from the first instruction on, with CAP_NET_BIND_SERVICE',
  );
  t.equal(
    reasonOf(2 ** 10 + 2 ** 7),
    'the unit starts it as root: root of the jail, with CAP_NET_BIND_SERVICE CAP_SETUID',
  );
});

t.test('a line that tests the configuration comes before the start, or before a reload', async (t) => {
  t.same(checks({ ...daemon, ExecReloadEx: [line('/usr/bin/web -t'), line('/usr/bin/web -s reload')] }), [
    ['/usr/bin/web', '-t'],
  ]);
  t.same(checks({ ...daemon, ExecReloadEx: [line('/usr/bin/web -s reload')] }), []);
  t.same(checks({ ExecStartEx: [line('/usr/sbin/unbound -d')] }), [['/usr/sbin/unbound-checkconf']]);
});

t.test('a line that may change data is no test of the configuration', async (t) => {
  const lines = {
    ExecStartPreEx: [line('/opt/app/app migrate'), line('/opt/app/app check', 'ignore-failure')],
    ExecStartEx: [line('/opt/app/app serve')],
    ExecReloadEx: [line('/opt/app/app -c /etc/app.conf reload')],
  };
  t.same(checks(lines), []);
  t.same(checks({ ...lines, ExecReloadEx: [line('/opt/app/app -c /etc/app.conf check')] }), [
    ['/opt/app/app', '-c', '/etc/app.conf', 'check'],
  ]);
});

t.test('a service has a variable for each kind of directory, and one for its credentials', async (t) => {
  t.same(directoryVariables(installed({ StateDirectory: ['web'], LogsDirectory: ['a', 'b'] })), {
    STATE_DIRECTORY: '/var/lib/web',
    LOGS_DIRECTORY: '/var/log/a:/var/log/b',
  });
  t.same(directoryVariables(installed({ LoadCredential: [['key', '/etc/key']] })), {
    CREDENTIALS_DIRECTORY: '/run/credentials/web.service',
  });
  t.notOk(hasCredentials({ LoadCredential: [], SetCredential: undefined, ImportCredential: 'x' }));
});

t.test('directories of a service can have links', async (t) => {
  t.same(
    directoryLinks({
      RuntimeDirectorySymlink: [
        ['web', 'www'],
        ['web', ''],
      ],
      StateDirectorySymlink: [],
    }),
    ['/run/www'],
  );
});

t.test('a service can be reloaded if systemd says so', async (t) => {
  t.ok(toInstalled({ CanReload: true }).canReload);
  t.notOk(toInstalled({ CanReload: false }).canReload);
  t.notOk(toInstalled({}).canReload);
});

t.test('a filter that is not set refuses nothing', async (t) => {
  t.same(filterOf({}, 'SystemCallFilter'), { isAllowed: false, names: [] });
  t.same(filterOf({ SystemCallFilter: [true, ['read']] }, 'SystemCallFilter'), {
    isAllowed: true,
    names: ['read'],
  });
});

t.test('an instance of postgresql has the packages of its version', async (t) => {
  t.same(knownDaemon('/usr/bin/pg_ctlcluster').packages?.('15-main'), ['postgresql-common', 'postgresql-15']);
});

t.test(
  'variables of the service manager reach the program, and the unit can replace or take them',
  async (t) => {
    const inherited = ['PATH=/bin', 'HOME=/x', 'http_proxy=http://p:1', 'A=1', 'B=2'];
    const settings = {
      CapabilityBoundingSet: 0,
      Environment: ['A=own'],
      UnsetEnvironment: ['B'],
      ExecStartEx: [line('/usr/bin/web ${http_proxy} $A')],
    };
    const service = toInstalled(settings, inherited);
    const variables = variablesOf(service, []);
    t.same(
      [...variables],
      [
        ['http_proxy', 'http://p:1'],
        ['A', 'own'],
      ],
    );
    t.same(
      ownLines(service, variables).map(({ argv }) => argv),
      [['/usr/bin/web', 'http://p:1', 'own']],
    );
  },
);
