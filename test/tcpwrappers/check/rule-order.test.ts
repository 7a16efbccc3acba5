import { isIP } from 'node:net';
import t from 'tap';

import { findShadows } from '../../../lib/tcpwrappers/check/rule-order.ts';
import type { TestRequest } from '../../support/tcpwrappers-oracle.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { readOne } from '../../support/tcpwrappers/hosts.ts';
import { makeRules } from '../../support/tcpwrappers/libwrap/generate.ts';
import { observe, readSet } from '../../support/tcpwrappers/libwrap/observe.ts';
import { makeRequest, makeWorld } from '../../support/tcpwrappers/libwrap/world.ts';

function shadowed(allow: string, deny = ''): string[] {
  const rules = [readOne('allow', { allow }), readOne('deny', { deny })].flatMap(({ rules }) => rules);
  return findShadows(rules).map(
    ({ rule, by, isSame }) =>
      `${rule.file.slice(11)}${rule.line} ${by.file.slice(11)}${by.line}${isSame ? ' same' : ''}`,
  );
}

t.test('a rule is shadowed by what matches whoever it matches', async (t) => {
  for (const [before, rule] of [
    ['ALL: ALL', 'sshd: 10.0.0.1'],
    ['sshd: 10.', 'sshd: 10.1.0.0/16 10.2. 10.3.4.5 10.0.0.0/255.0.0.0'],
    ['sshd: .example.com', 'sshd: www.example.com .a.example.com'],
    ['sshd: [2001:db8::]/32', 'sshd: [2001:db8::1] [2001:DB8:1::]/48'],
    ['ss*: 10.', 'ss*: 10.1.'],
    ['sshd in.ftpd: ALL', 'in.ftpd: joe@10.1.'],
    ['sshd: 10.', 'sshd@192.0.2.1: 10.1. EXCEPT 10.1.2.3'],
    ['sshd: 10. : deny', 'sshd: 10.1. : spawn id'],
    ['22: KNOWN', '22: KNOWN'],
  ] as const)
    t.match(shadowed(`${before}\n${rule}\n`), [/^allow2 allow1/], `${before} → ${rule}`);
});

t.test('a rule may be shadowed by several together, and by hosts.allow', async (t) => {
  t.same(shadowed('sshd: 10.\nin.ftpd: 10.\nin.ftpd sshd: 10.1.\n'), ['allow3 allow2']);
  t.same(shadowed('sshd: 10.\n', 'sshd: 10.1.\nsshd: ALL\n'), ['deny1 allow1']);
});

t.test('the same words in another order are a duplicate', async (t) => {
  t.same(shadowed('a b: 10. 11.\nB, A: 11.0.0.0/8 10.\n'), ['allow2 allow1 same']);
});

t.test('a rule that somebody can come to is not shadowed', async (t) => {
  for (const [before, rule] of [
    ['sshd: 10.0.0.1', 'sshd: 10.'],
    ['sshd: 10. EXCEPT 10.1.', 'sshd: 10.1.'],
    ['sshd EXCEPT in.ftpd: ALL', 'sshd: 10.'],
    ['sshd: joe@10.', 'sshd: 10.'],
    ['sshd@192.0.2.1: ALL', 'sshd: ALL'],
    ['sshd: .example.com', 'sshd: example.com'],
    ['sshd: 10.', 'sshd: 10.*'],
    ['sshd: KNOWN', 'sshd: ALL'],
    ['sshd: 0.0.0.0/0.0.0.0', 'sshd: [::1]'],
    ['sshd: ALL: aclexec false', 'sshd: ALL'],
    ['sshd: ALL', 'sshd: 10.0.0.1/8'],
    ['22: ALL', 'sshd: ALL'],
  ] as const)
    t.same(shadowed(`${before}\n${rule}\n`), [], `${before} → ${rule}`);
});

// As connections have them: others are no clients.
function isReal({ address, serverAddress }: TestRequest): boolean {
  return [address, serverAddress].every(
    (text) => (isIP(text) !== 0 && text !== '255.255.255.255') || text === 'unknown',
  );
}

t.test('nobody comes to a shadowed rule, whatever the rules are', async (t) => {
  const seed = freshSeed();
  const random = new Random(seed);
  let shadows = 0;
  for (let i = 0; i < 600; i++) {
    const world = makeWorld(random, '/nowhere');
    const set = {
      files: { 'hosts.allow': makeRules(random, world, 12), 'hosts.deny': makeRules(random, world, 12) },
      requests: random.list(20, 20, () => makeRequest(random, world)).filter(isReal),
    };
    const hosts = readSet(set, '/nowhere');
    const rules = [...hosts.allow.rules, ...hosts.deny.rules];
    const found = new Set(findShadows(rules).map(({ rule }) => rule));
    shadows += found.size;
    for (const request of set.requests) {
      const { rule } = observe(hosts, request, set, '/nowhere').decision;
      if (rule !== undefined && found.has(rule)) {
        t.fail(JSON.stringify({ seed, rule: rule.text, files: set.files, request }));
        return;
      }
    }
  }
  t.ok(shadows > 100, `${shadows} shadows, UCHROOT_SEED=${seed}`);
});
