import t from 'tap';

import type { Found, Need } from '../../../lib/tcpwrappers/connection/need.ts';
import { decideOn } from '../../support/tcpwrappers/hosts.ts';

const client = { address: '10.0.0.1' };
const sshd = { daemon: 'sshd', client };
const deny = 'ALL: ALL\n';

function named(name: string) {
  return (need: Need): Found => (need.kind === 'name' ? name : undefined);
}

t.test('nothing is looked up that no rule asks for', async (t) => {
  const allow = 'ftpd: .example.com\nsshd: 10.0.0.0/8\nsshd: .example.com\n';
  t.match(decideOn({ allow, deny }, sshd), { verdict: 'granted', rule: { line: 2 }, needs: { length: 0 } });
  t.same(decideOn({ allow: 'sshd: 10.0.0.2 127.\n' }, sshd).needs, []);
});

t.test('a name is looked up once, when the first word asks for it', async (t) => {
  const allow = 'sshd: .example.org\nsshd: LOCAL\nsshd: .example.com\n';
  t.match(decideOn({ allow, deny }, sshd, named('host.example.com')), {
    verdict: 'granted',
    rule: { line: 3 },
    needs: [{ kind: 'name', end: 'client' }],
  });
});

t.test('the user is asked for only where the host matches', async (t) => {
  const tcp = {
    daemon: 'sshd',
    client: { ...client, port: 4711 },
    server: { address: '10.0.0.2', port: 22 },
  };
  const user = (need: Need): Found => (need.kind === 'user' ? 'joe' : undefined);
  t.match(decideOn({ allow: 'sshd: joe@10.\n', deny }, tcp, user), {
    verdict: 'granted',
    needs: [{ kind: 'user', timeoutSeconds: 10 }],
  });
  t.same(decideOn({ allow: 'sshd: joe@192.168.\n', deny }, tcp, user).needs, []);
  t.same(decideOn({ allow: 'sshd: joe@10.\n', deny }, sshd, user).needs, [], 'nor without ports');
});

t.test('rfc931 asks at once, with its own time limit', async (t) => {
  const tcp = {
    daemon: 'sshd',
    client: { ...client, port: 4711 },
    server: { address: '10.0.0.2', port: 22 },
  };
  const allow = 'sshd: ALL: rfc931 3: spawn echo %c\n';
  t.match(
    decideOn({ allow }, tcp, (need) => (need.kind === 'user' ? 'joe' : undefined)),
    {
      effects: [{ kind: 'spawn', command: 'echo joe@10.0.0.1' }],
      needs: [{ kind: 'user', timeoutSeconds: 3 }],
    },
  );
});

t.test('a look-up in vain finds unknown', async (t) => {
  t.equal(decideOn({ allow: 'sshd: UNKNOWN\n', deny }, sshd).verdict, 'granted');
  t.equal(decideOn({ allow: 'sshd: KNOWN\n', deny }, sshd).verdict, 'denied');
  t.equal(decideOn({ allow: 'sshd: PARANOID\n', deny }, sshd, named('paranoid')).verdict, 'granted');
});

t.test(
  'a command of aclexec is not run, and what stands behind it is decided as if it succeeds',
  async (t) => {
    t.match(decideOn({ allow: 'sshd: ALL: aclexec check %a: spawn echo ok\n' }, sshd), {
      verdict: 'granted',
      effects: [
        { kind: 'aclexec', command: 'check 10.0.0.1' },
        { kind: 'spawn', command: 'echo ok' },
      ],
    });
  },
);

t.test('a variable has a name and a value, and one without a name refuses', async (t) => {
  t.match(decideOn({ allow: 'sshd: ALL: setenv A  b c\n' }, sshd), {
    verdict: 'granted',
    effects: [{ kind: 'setenv', name: 'A', value: 'b c' }],
  });
  for (const assignment of ['A=b', 'A=b c', '%q'])
    t.match(decideOn({ allow: `sshd: ALL: setenv ${assignment}\n` }, sshd), {
      verdict: 'denied',
      reason: 'bad name of a variable',
    });
});

t.test('twist takes the place of the service', async (t) => {
  t.match(decideOn({ allow: 'sshd: ALL: twist echo 421 %h\n' }, sshd), {
    verdict: 'delegated',
    effects: [{ kind: 'twist', command: 'echo 421 10.0.0.1' }],
  });
});

t.test("who is in nobody's accounts is no user to become", async (t) => {
  const has = (need: Need): Found => need.kind === 'account' && need.name === 'joe';
  t.match(decideOn({ allow: 'sshd: ALL: user joe.joe\n' }, sshd, has), {
    verdict: 'granted',
    effects: [{ kind: 'user', user: 'joe', group: 'joe' }],
    needs: [
      { kind: 'account', database: 'user', name: 'joe' },
      { kind: 'account', database: 'group', name: 'joe' },
    ],
  });
  t.equal(decideOn({ allow: 'sshd: ALL: user jo\n' }, sshd, has).verdict, 'denied');
  t.equal(decideOn({ allow: 'sshd: ALL: group jo\n' }, sshd, has).verdict, 'denied');
});

t.test('options before an error have taken effect, as in libwrap', async (t) => {
  t.match(decideOn({ allow: 'sshd: ALL: umask 022: nonsense\n' }, sshd, undefined, { dialect: 'options' }), {
    verdict: 'denied',
    effects: [{ kind: 'umask', mask: 0o22 }],
    reason: 'bad option name: "nonsense"',
  });
});

t.test('allow and deny decide in either file', async (t) => {
  t.equal(decideOn({ allow: 'sshd: ALL: DENY\n' }, sshd).verdict, 'denied');
  t.equal(decideOn({ deny: 'sshd: ALL: ALLOW\n' }, sshd).verdict, 'granted');
});

t.test('members of a netgroup are asked for by name, and case counts', async (t) => {
  const members =
    (...hosts: readonly (string | undefined)[]) =>
    (need: Need): Found => {
      if (need.kind === 'netgroup') return hosts;
      return need.kind === 'name' ? 'host.example.com' : undefined;
    };
  const texts = { allow: 'sshd: @trusted\n', deny };
  const options = { hasNetgroups: true };
  t.match(decideOn(texts, sshd, members('host.example.com'), options), {
    verdict: 'granted',
    needs: [{ kind: 'netgroup', group: 'trusted' }, { kind: 'name' }],
  });
  t.equal(decideOn(texts, sshd, members('HOST.example.com'), options).verdict, 'denied');
  t.equal(decideOn(texts, sshd, members(undefined), options).verdict, 'granted', 'any host');
  t.equal(decideOn(texts, sshd, members(), options).verdict, 'denied');
});

t.test('a netgroup that cannot be read lets nobody in', async (t) => {
  const options = { hasNetgroups: true };
  t.equal(decideOn({ allow: 'sshd: @trusted\n', deny }, sshd, undefined, options).verdict, 'denied');
  t.equal(decideOn({ deny: 'sshd: @evil\n' }, sshd, undefined, options).verdict, 'denied');
  t.equal(decideOn({ deny: 'sshd: ALL EXCEPT @trusted\n' }, sshd, undefined, options).verdict, 'denied');
  t.equal(decideOn({ allow: 'sshd: ALL EXCEPT @evil\n', deny }, sshd, undefined, options).verdict, 'denied');
});

t.test('a banner is read from the file of the daemon, and expanded', async (t) => {
  const banner = (need: Need): Found =>
    need.kind === 'banner' && need.path === '/b/sshd' ? 'go away, %a\n' : undefined;
  t.match(decideOn({ deny: 'sshd: ALL: banners /b\n' }, sshd, banner), {
    verdict: 'denied',
    effects: [{ kind: 'banner', text: 'go away, 10.0.0.1\r\n' }],
  });
});
