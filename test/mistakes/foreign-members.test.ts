// What somebody is told who calls a method that an object of uchroot does not have.
import t from 'tap';

import {
  hostsMembers,
  jailMembers,
  processMembers,
  serviceMembers,
  type ForeignMembers,
} from '../../lib/mistakes/foreign-members.ts';
import { Jail, JailedProcess, JailService } from '../../lib/index.ts';
import { Hosts } from '../../lib/tcpwrappers/index.ts';

const classes: readonly (readonly [{ readonly name: string; readonly prototype: object }, ForeignMembers])[] =
  [
    [JailedProcess, processMembers],
    [Jail, jailMembers],
    [Hosts, hostsMembers],
    [JailService, serviceMembers],
  ];

for (const [{ name, prototype }, members] of classes)
  t.test(`a method that ${name} does not have says what is meant`, async (t) => {
    for (const [member, hint] of Object.entries(members)) {
      const { value, enumerable } = Object.getOwnPropertyDescriptor(prototype, member) ?? {};
      t.notOk(enumerable, 'a loop does not see it');
      t.throws(value as () => never, { name: 'UsageError', message: `there is no ${member}() here`, hint });
      const [, meant] = /^write (?:await )?(?:jail|child|service|hosts)\.(\w+)/.exec(hint) ?? [];
      t.ok(
        meant === undefined || meant === 'exited' || (meant in prototype && !Object.hasOwn(members, meant)),
        `${hint}: it is there`,
      );
    }
  });

t.test('the classes keep what they have', async (t) => {
  for (const name of ['kill', 'stop', 'cutOff', 'pipe', 'resize', 'on', 'then']) {
    const isThere = name in JailedProcess.prototype;
    t.equal(isThere, name !== 'then', name);
    t.notOk(Object.hasOwn(processMembers, name), name);
  }
  for (const name of ['run', 'spawn', 'prepare', 'close']) t.notOk(Object.hasOwn(jailMembers, name), name);
});
