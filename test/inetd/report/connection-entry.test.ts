import { readFileSync } from 'node:fs';

import t from 'tap';

import {
  entryJson,
  entryText,
  showPeer,
  type EndedConnection,
  type EndReason,
} from '../../../lib/inetd/report/connection-entry.ts';
import { packageDirectory } from '../../support/launch.ts';
import { noUsage } from '../../support/usage.ts';

const usage = { ...noUsage, userCpuMs: 1.25, systemCpuMs: 2 };
const refused: EndedConnection = {
  id: 7,
  service: 'echo',
  peer: { address: '192.0.2.1', port: 5000 },
  sinceMs: 0,
  pid: undefined,
  rule: undefined,
  reason: 'denied',
  exitCode: null,
  signal: null,
  durationMs: 1,
  waitMs: undefined,
  usage: undefined,
  message: undefined,
};
const ended: EndedConnection = {
  ...refused,
  pid: 99,
  rule: { file: '/etc/hosts allow', line: 3 },
  reason: 'exit',
  exitCode: 0,
  durationMs: 12_345.6,
  waitMs: 1.5,
  usage,
  message: 'it is late',
};

t.test('a peer is an address with its port, or a process', async (t) => {
  t.equal(showPeer({ address: '192.0.2.1', port: 5000 }), '192.0.2.1:5000');
  t.equal(showPeer({ address: '2001:db8::1', port: 5000 }), '[2001:db8::1]:5000');
  t.equal(showPeer({ uid: 0, pid: 99 }), 'uid 0 pid 99');
  t.equal(showPeer({}), 'unknown');
});

t.test('the line for people has what is known', async (t) => {
  t.equal(entryText(refused), 'echo: 192.0.2.1:5000 denied, 0.001 s, no rule');
  t.equal(
    entryText(ended),
    'echo: 192.0.2.1:5000 exit, status 0, pid 99, 12.346 s, cpu 3.3 ms, rule /etc/hosts allow:3, it is late',
  );
  t.equal(
    entryText({ ...refused, pid: 99, reason: 'signal', signal: 'SIGTERM' }),
    'echo: 192.0.2.1:5000 signal, SIGTERM, pid 99, 0.001 s, no rule',
  );
});

t.test('the line for programs has the same', async (t) => {
  const { sinceMs, ...rest } = ended;
  t.same(JSON.parse(entryJson(ended)), {
    event: 'connection',
    time: new Date(sinceMs).toISOString(),
    ...rest,
  });
});

// the output of a connection is not kept, so it has no limit
const reasons: Readonly<Record<Exclude<EndReason, 'output'>, true>> = {
  exit: true,
  signal: true,
  denied: true,
  'per-source': true,
  'source-rate': true,
  undecided: true,
  delegated: true,
  failed: true,
  memory: true,
  pids: true,
  time: true,
  'cpu time': true,
  'file size': true,
  disk: true,
  call: true,
  inodes: true,
  idle: true,
};

t.test('the manual has each reason for the end of a connection', async (t) => {
  const manual = readFileSync(`${packageDirectory}/doc/uchroot-inetd.md`, 'utf8');
  const [log = ''] = /^## LOG$[^]*?(?=^## )/m.exec(manual) ?? [];
  for (const reason of Object.keys(reasons)) t.ok(log.includes(`\`${reason}\``), reason);
});
