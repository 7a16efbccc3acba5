import { isIP } from 'node:net';
import t from 'tap';

import type { Found, Need } from '../../../lib/tcpwrappers/connection/need.ts';
import { onePort } from '../../../lib/tcpwrappers/export/daemon-ports.ts';
import { toNftables, UnknownPorts } from '../../../lib/tcpwrappers/export/nftables.ts';
import { Losses } from '../../../lib/tcpwrappers/export/rule-translation.ts';
import { toDropIns } from '../../../lib/tcpwrappers/export/systemd-drop-ins.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { decideOn, makeHosts, type Texts } from '../../support/tcpwrappers/hosts.ts';
import { makeRules } from '../../support/tcpwrappers/libwrap/generate.ts';
import { makeWorld } from '../../support/tcpwrappers/libwrap/world.ts';
import { type Packet, passesDropIn, passesNftables } from '../../support/tcpwrappers/ruleset.ts';

const PORTS: Readonly<Record<string, number>> = { sshd: 22, 'in.ftpd': 21, vsftpd: 2121 };

const FACTS = {
  hasUser: (name: string) => name === 'root',
  hasGroup: (name: string) => name === 'root',
  daemons: Object.keys(PORTS),
  portsOf: (daemon: string) => {
    const port = PORTS[daemon.toLowerCase()];
    return port === undefined ? undefined : onePort(port, 'tcp');
  },
};

function translate(texts: Texts): { readonly text: string; readonly lost: readonly string[] } {
  const losses = new Losses();
  const text = toNftables(makeHosts(texts), FACTS, losses);
  return { text, lost: losses.all().map(({ file, line, word }) => `${file.slice(11)}:${line} ${word}`) };
}

/** The rules of a table, without those that all have. */
function rulesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /(?:accept|drop)$/.test(line) && !line.startsWith('ct '));
}

t.test('rules become rules, in their order', async (t) => {
  const { text, lost } = translate({
    allow: 'sshd: 10. EXCEPT 10.0.0.2\nALL EXCEPT in.ftpd: [2001:db8::]/32\n8080: 192.0.2.1 [::1]\n',
    deny: 'sshd@192.0.2.9: ALL\nALL: 0.0.0.0/0.0.0.0\n',
  });
  t.same(rulesOf(text), [
    'ip saddr { 10.0.0.0/31, 10.0.0.3-10.255.255.255 } tcp dport { 22 } accept',
    'ip6 saddr { 2001:db8::/32 } tcp dport { 0-20, 22-65535 } accept',
    'ip6 saddr { 2001:db8::/32 } meta l4proto udp accept',
    'ip saddr { 192.0.2.1 } meta l4proto { tcp, udp } th dport { 8080 } accept',
    'ip6 saddr { ::1 } meta l4proto { tcp, udp } th dport { 8080 } accept',
    'ip daddr { 192.0.2.9 } tcp dport { 22 } drop',
    'meta nfproto ipv4 meta l4proto { tcp, udp } drop',
  ]);
  t.same(lost, []);
});

t.test('what has no address lets nobody in where it grants, and refuses all where it refuses', async (t) => {
  const { text, lost } = translate({
    allow: 'sshd: .example.com 10.\nsshd: ALL EXCEPT LOCAL\n',
    deny: 'in.ftpd: joe@10. PARANOID\nsshd: joe@192.0.2.0/24\n',
  });
  t.same(rulesOf(text), [
    'ip saddr { 10.0.0.0/8 } tcp dport { 22 } accept',
    'tcp dport { 21 } drop',
    'ip saddr { 192.0.2.0/24 } tcp dport { 22 } drop',
  ]);
  t.same(lost, [
    'allow:1 .example.com',
    'allow:2 LOCAL',
    'deny:1 joe@10.',
    'deny:1 PARANOID',
    'deny:2 joe@192.0.2.0/24',
  ]);
});

t.test('options that only add something are lost; those that may refuse make the rule refuse', async (t) => {
  const { text, lost } = translate({
    allow:
      'sshd: 10.1.: spawn id: severity info\nsshd: 10.2.: aclexec true\nsshd: 10.3.: user nobody\nsshd: 10.4.: user root\n' +
      'sshd: 10.5.: deny\nsshd: 10.6.: twist id\nsshd: 10.7.: spwan\nsshd: 10.8.: setenv A b\nsshd: 10.9.: setenv %h b\n',
    deny: 'sshd: 10.: allow\n',
  });
  t.same(
    rulesOf(text).map((rule) => rule.replace(/ip saddr \{ (\S+) \} tcp dport \{ 22 \}/, '$1')),
    [
      '10.1.0.0/16 accept',
      '10.2.0.0/16 drop',
      '10.3.0.0/16 drop',
      '10.4.0.0/16 accept',
      '10.5.0.0/16 drop',
      '10.6.0.0/16 drop',
      '10.7.0.0/16 drop',
      '10.8.0.0/16 accept',
      '10.9.0.0/16 drop',
      '10.0.0.0/8 accept',
    ],
  );
  t.same(lost, [
    'allow:1 spawn id',
    'allow:1 severity info',
    'allow:2 aclexec true',
    'allow:3 user nobody',
    'allow:4 user root',
    'allow:6 twist id',
    'allow:7 spwan',
    'allow:8 setenv A b',
    'allow:9 setenv %h b',
  ]);
});

t.test('a rule that refuses at ports that are not known cannot be translated', async (t) => {
  t.throws(() => translate({ deny: 'mysqld: ALL\n' }), { message: 'the ports of mysqld are not known' });
  t.throws(() => translate({ deny: 'ALL EXCEPT mysqld: ALL\n' }), {
    message: 'the ports of mysqld are not known',
  });
  t.throws(() => translate({ deny: 'in.*: ALL\n' }), { message: 'the ports of in.* are not known' });
  t.same(translate({ allow: 'mysqld: ALL\n' }).lost, ['allow:1 mysqld']);
  t.same(rulesOf(translate({ allow: 'in.*: ALL\n' }).text), ['tcp dport { 21 } accept']);
});

t.test('rules that are not read refuse all that is behind them', async (t) => {
  const long = `sshd: ${'x'.repeat(3000)}\n`;
  t.same(rulesOf(translate({ allow: 'sshd: 10.\n', deny: long }).text), [
    'ip saddr { 10.0.0.0/8 } tcp dport { 22 } accept',
    'meta l4proto { tcp, udp } drop',
  ]);
  t.same(rulesOf(translate({ allow: 'sshd: 10.\n', deny: { kind: 'directory' } }).text).slice(-1), [
    'meta l4proto { tcp, udp } drop',
  ]);
  t.same(rulesOf(translate({ allow: { kind: 'large' } }).text), ['meta l4proto { tcp, udp } drop']);
});

t.test('a text that a table could be broken out of stays a comment', async (t) => {
  const { text } = translate({ allow: 'sshd: 10. \r accept\v}\n' });
  t.notMatch(text, /[\r\v]/);
  t.same(rulesOf(text), ['ip saddr { 10.0.0.0/8 } tcp dport { 22 } accept']);
});

// What the look-ups find for a client of whom nothing is known.
function look(need: Need): Found {
  return need.kind === 'account' ? need.name === 'root' : need.kind === 'banner' ? undefined : 'unknown';
}

function packetOf(random: Random): Packet {
  const port = random.pick([22, 21, 2121, 80, 8080]);
  return {
    protocol: 'tcp',
    port,
    client: random.pick([
      '10.0.0.1',
      '10.0.1.1',
      '192.168.7.9',
      '127.0.0.1',
      '1.2.3.4',
      '2001:db8::1',
      '::1',
      'fe80::1',
    ]),
    server: random.pick(['10.0.0.2', '192.168.7.9', '2001:db8::2']),
  };
}

/** The daemon that listens at a port. */
function daemonAt(port: number): string {
  return Object.keys(PORTS).find((daemon) => PORTS[daemon] === port) ?? 'other';
}

t.test(
  'what passes a table is granted by the rules; and if nothing is lost, what is granted passes',
  async (t) => {
    const seed = freshSeed();
    const random = new Random(seed);
    const counts = { tables: 0, whole: 0, passed: 0, dropped: 0 };
    for (let i = 0; i < 1200; i++) {
      const world = makeWorld(random, '/nowhere');
      const simple = { ...world, daemons: ['sshd', 'in.ftpd'] };
      const texts = {
        allow: random.oneIn(4) ? '' : rulesText(makeRules(random, simple, 4)),
        deny: rulesText(makeRules(random, simple, 4)),
      };
      let translated: ReturnType<typeof translate>;
      try {
        translated = translate(texts);
      } catch (error) {
        if (!(error instanceof UnknownPorts)) throw error;
        continue;
      }
      counts.tables++;
      const { text, lost } = translated;
      if (lost.length === 0) counts.whole++;
      for (let j = 0; j < 12; j++) {
        const packet = packetOf(random);
        if ((isIP(packet.client) === 4) !== (isIP(packet.server) === 4)) continue;
        const passes = passesNftables(text, packet);
        const { verdict } = decideOn(texts, requestOf(packet), look);
        const isGranted = verdict === 'granted';
        counts[passes ? 'passed' : 'dropped']++;
        if ((passes && !isGranted) || (lost.length === 0 && passes !== isGranted)) {
          t.fail(JSON.stringify({ seed, texts, packet, passes, verdict, text, lost }, undefined, 1));
          return;
        }
      }
    }
    t.ok(
      counts.whole > 20 && counts.passed > 200 && counts.dropped > 200,
      JSON.stringify({ seed, ...counts }),
    );
  },
);

t.test('a drop-in lets in whom the rules of its daemon let in', async (t) => {
  const seed = freshSeed();
  const random = new Random(seed);
  const counts = { whole: 0, passed: 0, refused: 0 };
  for (let i = 0; i < 800; i++) {
    const world = { ...makeWorld(random, '/nowhere'), daemons: ['sshd', 'in.ftpd'] };
    const texts = {
      allow: rulesText(makeRules(random, world, 4)),
      deny: rulesText(makeRules(random, world, 4)),
    };
    const losses = new Losses();
    const [dropIn] = toDropIns(makeHosts(texts), [{ daemon: 'sshd', unit: 'ssh.service' }], FACTS, losses);
    const lost = losses.all();
    if (lost.length === 0) counts.whole++;
    for (let j = 0; j < 12; j++) {
      const { client } = packetOf(random);
      const passes = passesDropIn(dropIn?.text ?? '', client);
      const server = { address: client.includes(':') ? '::1' : '127.0.0.1', name: 'unknown', port: 22 };
      const described = {
        daemon: 'sshd',
        client: { address: client, name: 'unknown', user: 'unknown' },
        server,
      };
      const { verdict } = decideOn(texts, described, look);
      counts[passes ? 'passed' : 'refused']++;
      if ((passes && verdict !== 'granted') || (lost.length === 0 && passes !== (verdict === 'granted'))) {
        t.fail(JSON.stringify({ seed, texts, client, passes, verdict, dropIn, lost }, undefined, 1));
        return;
      }
    }
  }
  t.ok(counts.whole > 10 && counts.passed > 200 && counts.refused > 200, JSON.stringify({ seed, ...counts }));
});

t.test('a drop-in is as short as can be', async (t) => {
  const dropIns = (texts: Texts) =>
    toDropIns(makeHosts(texts), [{ daemon: 'sshd', unit: 'ssh.service' }], FACTS, new Losses());
  const settings = (texts: Texts) =>
    dropIns(texts).map(({ text }) => text.split('\n').filter((line) => line.startsWith('IP')));
  t.same(settings({ deny: 'sshd: 10. [::1]\n' }), [
    ['IPAddressAllow=', 'IPAddressDeny=10.0.0.0/8', 'IPAddressDeny=::1/128'],
  ]);
  t.same(settings({ allow: 'sshd: 10.0.0.0/8\n', deny: 'ALL: ALL\n' }), [
    ['IPAddressAllow=', 'IPAddressDeny=any', 'IPAddressAllow=10.0.0.0/8'],
  ]);
  t.same(settings({ allow: 'sshd: ALL\n', deny: 'ALL: ALL\n' }), []);
  t.same(dropIns({ deny: 'sshd: 10.\n' })[0]?.path, '/etc/systemd/system/ssh.service.d/50-uchroot-tcpd.conf');
});

t.test('a client that the rules refuse does not get in because the unit itself allows it', async (t) => {
  const own = '[Service]\nIPAddressAllow=192.168.0.0/16\nIPAddressDeny=any\n';
  const passes = (texts: Texts, client: string): boolean => {
    const units = [{ daemon: 'sshd', unit: 'ssh.service' }];
    const [dropIn] = toDropIns(makeHosts(texts), units, FACTS, new Losses());
    return passesDropIn(`${own}${dropIn?.text ?? ''}`, client);
  };
  t.ok(passes({}, '192.168.1.5'));
  t.notOk(passes({ deny: 'sshd: 192.168.1.5\n' }, '192.168.1.5'));
  const some = { allow: 'sshd: 192.168.2.0/24\n', deny: 'ALL: ALL\n' };
  t.notOk(passes(some, '192.168.1.5'));
  t.ok(passes(some, '192.168.2.5'));
});

t.test('a unit of two daemons lets in whom both let in, and so do its sockets', async (t) => {
  const losses = new Losses();
  const units = ['sshd', 'in.ftpd'].map((daemon) => ({ daemon, unit: 'inetd.service' }));
  const texts = { allow: 'sshd: 10.0.0.0/8\nin.ftpd: 10.1.0.0/16 192.168.0.0/16\n', deny: 'ALL: ALL\n' };
  const files = toDropIns(makeHosts(texts), units, FACTS, losses, () => ['inetd.socket']);
  const etc = '/etc/systemd/system/inetd';
  t.same(
    files.map(({ path }) => path),
    [`${etc}.service.d/50-uchroot-tcpd.conf`, `${etc}.socket.d/50-uchroot-tcpd.conf`],
  );
  const settings = 'IPAddressAllow=\nIPAddressDeny=any\nIPAddressAllow=10.1.0.0/16\n';
  t.ok(files[0]?.text.endsWith(`\n[Service]\n${settings}`));
  t.ok(files[1]?.text.endsWith(`\n[Socket]\n${settings}`));
  t.same(
    new Set(losses.all().map(({ message }) => message)),
    new Set(['inetd.service has several daemons, and lets in only clients that all of them let in']),
  );
  t.equal(losses.all().length, 3);
});

function rulesText(file: ReturnType<typeof makeRules>): string {
  return typeof file === 'string' ? '' : file.text;
}

function requestOf({ port, client, server }: Packet): Parameters<typeof decideOn>[1] {
  return {
    daemon: daemonAt(port),
    client: { address: client, port: 4711, user: 'unknown', name: 'unknown' },
    server: { address: server, port, name: 'unknown' },
  };
}
