// The unit that tests the configuration of an adopted service before it starts.
import t from 'tap';

import type { Adoption } from '../../../lib/service/adopt/adoption.ts';
import { configurationChecks } from '../../../lib/service/adopt/configuration-check.ts';
import { dropInText } from '../../../lib/service/adopt/service-drop-in.ts';
import { adopted, daemon, installed, line } from '../../support/service/described.ts';

t.test('a test of the configuration runs as the user, with the mounts of the unit', async (t) => {
  const linesOf = (settings: object): readonly string[] => {
    const lines = { ...daemon, ExecStartPreEx: [line('/usr/bin/web -t')] };
    const [check] = configurationChecks(adopted(installed({ ...lines, ...settings })));
    return (check?.text ?? '').split('\n').filter((found) => /^(?:User|Group|Temp\w+)=/.test(found));
  };
  const jail = '/var/lib/uchroot/services/web.service/1/jail';
  const own = ['/tmp', '/var/tmp', '/dev/shm'].map(
    (path) => `TemporaryFileSystem=${jail}${path}:rw,mode=1777,nosuid,nodev`,
  );
  const mounts = { TemporaryFileSystem: [['/var/x', '']] };
  t.same(linesOf({}), own);
  t.same(linesOf({ User: 'web', Group: 'www', ...mounts }), [
    'User=web',
    'Group=www',
    `TemporaryFileSystem=${jail}/var/x`,
    ...own,
  ]);
  t.same(linesOf({ Nice: -1, ...mounts }), ['TemporaryFileSystem=/var/x']);
});

const checked = { ...daemon, ExecStartPreEx: [line('/usr/bin/web -t')] };
const checkOf = (settings: object, more: Partial<Adoption> = {}): string =>
  configurationChecks(adopted(installed({ ...checked, ...settings }), more))[0]?.text ?? '';

t.test('a test of the configuration needs no directory that is only there with the service', async (t) => {
  const paths = [{ path: '/run/web', isReadOnly: false, isOptional: false }];
  t.match(dropInText(adopted(installed(checked), { paths }), '1.0'), /^BindPaths=\/run\/web:/m);
  t.match(checkOf({}, { paths }), /^BindPaths=-\/run\/web:/m);
});

t.test('a test of the configuration has the limit of a start, or 90 seconds', async (t) => {
  const limitOf = (value: unknown): string | undefined =>
    /^TimeoutStartSec=(.*)$/m.exec(checkOf({ TimeoutStartUSec: value }))?.[1];
  t.equal(limitOf(2_500_000), '2500000us');
  for (const value of [2 ** 64, 0, undefined]) t.equal(limitOf(value), '90000000us', String(value));
});

t.test('a test of the configuration has the user that systemd makes for the service', async (t) => {
  t.match(
    checkOf({ DynamicUser: true, User: 'web', Group: 'web' }),
    'DynamicUser=yes\nUser=web\nGroup=web\n',
  );
  t.notMatch(checkOf({ User: 'web' }), 'DynamicUser');
});
