// What is exported has to hold for packets and for systemd, and not only in our own reading of it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import t from 'tap';

import { decideOn, type Texts } from '../../support/tcpwrappers/hosts.ts';
import { makeDirectory } from '../../support/directory.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { uchrootTcpd } from '../../support/tcpd.ts';
import { openNet } from '../../support/tcpd-net.ts';

const TEXTS: Texts & { readonly allow: string; readonly deny: string } = {
  allow: `one: 10.99.0.2 10.99.0.4/31 [fd99::2]
two EXCEPT one: 10.99.0.0/255.255.255.248 EXCEPT 10.99.0.3
ALL: 10.99.0.8: deny
7003@10.99.0.1: ALL EXCEPT 10.99.0.6 [fd99::3]
7003@[fd99::1]: [fd99::4]
`,
  deny: `ALL EXCEPT two: 10.
two: 10.99.0.9 [fd99::]/127
7003: [::]/0
`,
};
const DAEMONS: Readonly<Record<string, number>> = { one: 7001, two: 7002, three: 7003 };

const netNeeds = { skip: unlessRoot('inetd', 'nft', 'ip', 'python3', 'nsenter') };

t.test('packets pass the table exactly where the rules let in', netNeeds, async (t) => {
  const net = await openNet(t, {
    etc: { 'hosts.allow': TEXTS.allow, 'hosts.deny': TEXTS.deny },
    inetd: Object.values(DAEMONS).flatMap((port) =>
      ['tcp', 'tcp6'].map((protocol) => `${port} stream ${protocol} nowait root /bin/true true`),
    ),
  });
  const ports = Object.entries(DAEMONS).flatMap(([daemon, port]) => ['--port', `${daemon}=${port}`]);
  const files = [
    '--allow',
    join(net.directory, 'etc/hosts.allow'),
    '--deny',
    join(net.directory, 'etc/hosts.deny'),
  ];
  const { stdout, stderr, status } = uchrootTcpd('export', '--to', 'nftables', ...ports, ...files);
  t.equal(status, 0, stderr);
  const sources = [
    ...[2, 3, 4, 5, 6, 7, 8, 9].map((i) => `10.99.0.${i}`),
    ...[2, 3, 4, 5].map((i) => `fd99::${i}`),
  ];
  const knocks = sources.flatMap((source) =>
    Object.entries(DAEMONS).map(([daemon, port]) => ({ daemon, source, port })),
  );
  t.notOk(net.knock(...knocks).includes(false), 'all ports are open before');
  net.run(['nft', '-f', '-'], stdout);
  net.run(['nft', '-f', '-'], stdout);
  const open = net.knock(...knocks);
  for (const [i, { daemon, source, port }] of knocks.entries()) {
    const server = { address: source.includes(':') ? 'fd99::1' : '10.99.0.1', port };
    const { verdict } = decideOn(TEXTS, { daemon, client: { address: source }, server });
    t.equal(open[i] === true ? 'granted' : 'denied', verdict, `${daemon} from ${source}`);
  }
  t.ok(open.includes(true) && open.includes(false));
});

t.test(
  'systemd finds nothing wrong with the drop-ins',
  { skip: unlessInstalled('systemd-analyze') },
  async (t) => {
    const directory = makeDirectory(t);
    writeFileSync(join(directory, 'allow'), TEXTS.allow);
    writeFileSync(join(directory, 'deny'), TEXTS.deny);
    const units = Object.keys(DAEMONS).flatMap((daemon) => ['--unit', `${daemon}=${daemon}.service`]);
    const files = ['--allow', join(directory, 'allow'), '--deny', join(directory, 'deny')];
    const { stdout } = uchrootTcpd('export', '--to', 'systemd', ...units, ...files);
    const dropIns = stdout.split(/^# (?=\/etc\/systemd\/system\/(?:one|two|three)\.service\.d\/)/m).slice(1);
    t.equal(dropIns.length, 3);
    for (const dropIn of dropIns) {
      const end = dropIn.indexOf('\n');
      const path = join(directory, dropIn.slice(0, end).replace('/etc/systemd/system/', ''));
      const unit = dirname(path).replace(/\.d$/, '');
      mkdirSync(dirname(path));
      writeFileSync(path, dropIn.slice(end + 1));
      writeFileSync(unit, '[Service]\nExecStart=/bin/true\n');
      const env = { PATH: process.env['PATH'], SYSTEMD_UNIT_PATH: `${directory}:` };
      const verify = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8', env });
      t.same([verify.status, verify.stderr], [0, ''], dropIn);
    }
  },
);
