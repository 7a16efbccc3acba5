import { mkdirSync, rmSync } from 'node:fs';

import { runInJail } from '../support/public-api.ts';
import { bothWays, isCompiled, makeJail, putFile, rootTest, uchroot } from '../support/launch.ts';

const test = bothWays();
const inService = rootTest();
const jail = makeJail();
const MISSING = /^uchroot: warning: TZ=Asia\/Tokyo: \/usr\/share\/zoneinfo\/Asia\/Tokyo is not in the jail/;

function launch(env: Readonly<Record<string, string>>, options: readonly string[] = []): string {
  const { status, stderr } = uchroot([...options, 'nobody', jail, '/probe'], { env });
  return status === 0 ? stderr : `status ${status}`;
}

test('a time zone that the jail does not have is said, with the line that adds it', async (t) => {
  const said = launch({ TZ: 'Asia/Tokyo' });
  t.match(said, MISSING);
  t.match(said, `\nhint: uchroot-jail build ${jail} --copy /usr/share/zoneinfo/Asia/Tokyo\n`);
  // a compiled launcher does not look at the host
  const hint = isCompiled() ? 'uchroot-jail build' : 'the host does not have it either\n';
  t.match(launch({ TZ: 'Nonsense/Zone' }), `in UTC\nhint: ${hint}`);
  t.match(launch({}, ['--setenv', 'TZ=Asia/Tokyo']), MISSING);
  t.equal(launch({ TZ: 'JST-9' }), '', 'a rule needs no file');
  t.equal(launch({}), '');
});

test('a time zone that the jail has is not spoken of', async (t) => {
  mkdirSync(`${jail}/usr/share/zoneinfo/Asia`, { recursive: true });
  t.teardown(() => rmSync(`${jail}/usr`, { recursive: true }));
  putFile(`${jail}/usr/share/zoneinfo/Asia/Tokyo`, 'TZif');
  t.equal(launch({ TZ: 'Asia/Tokyo' }), '');
  t.equal(launch({ TZ: ':Asia/Tokyo' }), '');
});

inService('a service is warned of a time zone that the jail does not have', async (t) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  t.teardown(() => process.off('warning', listen));
  await runInJail({ user: '61148:61148', jail, program: '/probe', env: { TZ: 'Europe/Nowhere' } });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(warnings.length, 1);
  t.match(warnings[0]?.message, /^TZ=Europe\/Nowhere: /);
});
