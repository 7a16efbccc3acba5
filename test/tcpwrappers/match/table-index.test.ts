import t from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { walkTable } from '../../../lib/tcpwrappers/match/match.ts';
import { addPattern, type Keyed } from '../../../lib/tcpwrappers/match/pattern-index.ts';
import { compileTable } from '../../../lib/tcpwrappers/match/table-index.ts';
import type { Search, Table } from '../../../lib/tcpwrappers/rule/rule-table.ts';
import { complete } from '../../../lib/tcpwrappers/rule/slices.ts';
import type { TestSet } from '../../support/tcpwrappers-oracle.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { readOne } from '../hosts.ts';
import { makeClient } from '../libwrap/generate-words.ts';
import { makeRules, makeSet } from '../libwrap/generate.ts';
import { observe, readSet, searches } from '../libwrap/observe.ts';
import { makeRequest as makeTestRequest, makeWorld } from '../libwrap/world.ts';

// Clients are `address=name`, and without `=name` their name is unknown. There is the interface lo.
const words: readonly (readonly [list: string, matching: string, others: string])[] = [
  ['ALL', '10.0.0.1 unknown', ''],
  ['KNOWN', '10.0.0.1=h ::1=h', 'unknown=h 10.0.0.1=unknown 10.0.0.1=paranoid'],
  ['UNKNOWN', 'unknown=h 10.0.0.1', '10.0.0.1=h 10.0.0.1=paranoid'],
  ['LOCAL', '10.0.0.1=h', '10.0.0.1=h.x 10.0.0.1=unknown 10.0.0.1=paranoid'],
  ['.b', '10.0.0.1=a.b 10.0.0.1=a..b 10.0.0.1=..b', '10.0.0.1=.b 10.0.0.1=b 10.0.0.1=ab 10.0.0.1=a.b.c'],
  ['10.', '10.0.0.1 10.=h', '110.0.0.1 1.10.0.1'],
  ['a..', '9.0.0.1=a..b', '9.0.0.1=a.b'],
  ['ALL EXCEPT 10. except 10.0.0.1', '9.0.0.1 10.0.0.1', '10.0.0.2'],
  ['host*', '10.0.0.1=host 10.0.0.1=host1', '10.0.0.1=hos 10.0.0.1=ahost'],
  ['host**', '10.0.0.1=host1', '10.0.0.1=host 10.0.0.1=hos'],
  ['h?st', '10.0.0.1=host', '10.0.0.1=hst 10.0.0.1=xost 10.0.0.1=hosts'],
  ['hos?', '10.0.0.1=host', '10.0.0.1=hos'],
  ['a?*', '10.0.0.1=ab 10.0.0.1=abc', '10.0.0.1=a 10.0.0.1=b'],
  ['a*b*c', '10.0.0.1=abc 10.0.0.1=abbxbcc', '10.0.0.1=ac 10.0.0.1=acb 10.0.0.1=abcd'],
  ['192.168.0.0/16', '192.168.7.9', '192.169.0.1 10.0.0.1 ::1'],
  ['10.0.0.1/255.0.255.255', '10.7.0.1', '10.7.0.2'],
  ['10.0.0.1/32', '10.0.0.1', '10.0.0.2'],
  ['128.0.0.0/1', '128.0.0.1 255.0.0.1', '127.0.0.1'],
  ['10.0.0.0/33', '', '10.0.0.0'],
  ['0.0.0.0/0', '', '10.0.0.1'],
  ['[x', '10.0.0.1=[x', '10.0.0.1=x'],
  ['[bad]', '', '10.0.0.1=bad 10.0.0.1=[bad] ::1'],
  ['[::1]x/64', '', '::1'],
  ['[::1]/128', '::1', '::2'],
  ['[::]/0', '::1 fe80::2', '10.0.0.1'],
  ['[fe80::1]', 'fe80::1 fe80:0::1%lo', 'fe80::1%none fe80::2'],
  ['[fe80::1%lo]', 'fe80::1 fe80::1%lo', 'fe80::1%none'],
  ['[fe80::1%none]', '', 'fe80::1 fe80::1%lo'],
  ['[fe80::%lo]/64', 'fe80::1 fe80::2%lo', 'fe80:0:0:1::1 fe80::1%none'],
  ['[fe80::%none]/64', '', 'fe80::1'],
  ['[dead::]/x', '::1', '10.0.0.1 unknown'],
  ['[fe80::%none]/x', '', '::1'],
  ['[fe80::%none]/x [fe80::%lo]/x', '::1', '10.0.0.1'],
];
for (const [list, matching, others] of words)
  t.test(`the clients ${list} are ${matching || 'none'}`, async (t) => {
    const table = readOne('deny', { deny: `sshd: ${list}\n` });
    // an index for one rule, and none
    for (const { find } of [complete(compileTable(table, 0)), walkTable(table)])
      for (const [clients, isMatch] of [
        [matching, true],
        [others, false],
      ] as const)
        for (const client of clients.split(' ').filter((text) => text !== '')) {
          const [address, name = 'unknown'] = client.split('=');
          const request = makeRequest({ daemon: 'sshd', client: { address, name } }, (one) => one === 'lo');
          t.equal(find(request), isMatch ? table.rules[0] : undefined, client);
        }
  });

t.test('a daemon is a name, or a number from 0 to 65535 for a port of the server', async (t) => {
  for (const [word, daemon, port, isMatch] of [
    ['22', 'sshd', 22, true],
    ['022', 'sshd', 22, true],
    ['22', '22', 23, false],
    ['65535', 'sshd', 65_535, true],
    ['65536', '65536', 22, true],
    ['sshd', 'sshd', 22, true],
    ['KNOWN', 'sshd', 22, true],
    ['KNOWN', 'unknown', 22, false],
  ] as const) {
    const { find } = complete(compileTable(readOne('deny', { deny: `${word}: ALL\n` }), 0));
    t.equal(find(makeRequest({ daemon, client: {}, server: { port } })) !== undefined, isMatch, word);
  }
});

t.test('the interface of a client may have capitals in its name', async (t) => {
  for (const word of ['[fe80::1]', '[fe80::1%Ext0]']) {
    const { find } = complete(compileTable(readOne('deny', { deny: `sshd: ${word}\n` }), 0));
    const client = { address: 'fe80::1%Ext0', name: 'unknown' };
    const request = makeRequest({ daemon: 'sshd', client }, (one) => one === 'Ext0');
    t.not(find(request), undefined, word);
  }
});

t.test('a word that cannot be trusted lets nobody in', async (t) => {
  const table = readOne('allow', { allow: 'sshd: [dead::]/x\n' });
  t.equal(walkTable(table).find(makeRequest({ daemon: 'sshd', client: { address: '::1' } })), undefined);
});

t.test('the zone of a daemon that is called as an address counts too', async (t) => {
  const { find } = complete(compileTable(readOne('deny', { deny: '[fe80::1%none]: ALL\n' }), 0));
  t.equal(find(makeRequest({ daemon: 'fe80::1', client: {} })), undefined);
});

t.test('a rule stands once in an index, however often it has the word', async (t) => {
  const map: Keyed<string, string> = new Map();
  for (const id of [1, 1, 2, 2, 2, 3]) addPattern(map, 'a', 'A', id);
  t.same(map.get('a')?.ids, [1, 2, 3]);
});

function countMatches(rules: readonly string[], address: string, name?: string): number {
  // how often the rules are looked at: each reads its own list of clients
  const table = readOne('allow', { allow: `${rules.join('\n')}\n` });
  let reads = 0;
  const counted = table.rules.map((rule) => ({
    ...rule,
    get clients() {
      reads++;
      return rule.clients;
    },
  }));
  const search = complete(compileTable({ ...table, rules: counted }));
  reads = 0;
  const request = makeRequest({ daemon: 'sshd', client: { address, name } });
  const found = search.find(request);
  const count = reads;
  t.equal(found, walkTable({ ...table, rules: counted }).find(request));
  return count;
}

t.test('one rule is looked at to find the last of ten thousand', async (t) => {
  const addresses = Array.from({ length: 9999 }, (_, i) => `sshd: 10.1.${i >> 8}.${i & 255}`);
  t.equal(countMatches([...addresses, 'sshd: 192.168.7.9'], '192.168.7.9'), 1);
  const nets = Array.from({ length: 9999 }, (_, i) => `sshd: 10.${i >> 8}.${i & 255}.0/24`);
  t.equal(countMatches([...nets, 'sshd: 192.168.7.0/24'], '192.168.7.9'), 1);
  const domains = Array.from({ length: 9999 }, (_, i) => `sshd: .d${i}.example.com`);
  t.equal(countMatches([...domains, 'sshd: 192.168.'], '192.168.7.9', 'h'), 1);
  const daemons = Array.from({ length: 9999 }, (_, i) => `daemon${i}: ALL`);
  t.equal(countMatches([...daemons, 'sshd: 192.168.'], '192.168.7.9'), 1);
});

const directory = '/nowhere';

// Files with many rules, few of which are for everybody, and files of many patterns.
function makeLongSet(random: Random): TestSet {
  const world = makeWorld(random, directory);
  const text = () => {
    const file = makeRules(random, world, 150);
    return typeof file === 'string' ? file : { text: file.text.replace(/\bALL\b/g, 'SOME') };
  };
  const patterns = random.list(0, 40, () => makeClient(random, world));
  return {
    files: { 'hosts.allow': text(), 'hosts.deny': text(), one: { text: patterns.join('\n') } },
    requests: random.list(20, 20, () => makeTestRequest(random, world)),
  };
}

for (const [what, make, sets] of [
  ['long', makeLongSet, 150],
  ['short', (random: Random) => makeSet(random, directory, 20), 1000],
] as const)
  t.test(
    `in ${what} files, the rule and the look-ups are those of trying one rule after the other`,
    async (t) => {
      const seed = freshSeed();
      const random = new Random(seed);
      for (let i = 0; i < sets; i++) {
        const set = make(random);
        const [walked, ...others] = [
          ...Object.values(searches),
          (table: Table): Search => complete(compileTable(table)),
        ].map((search) => readSet(set, directory, search));
        if (walked === undefined) throw new Error('nothing to compare with');
        for (const request of set.requests) {
          const expected = observe(walked, request, set, directory);
          for (const other of others) {
            const { decision, ...found } = observe(other, request, set, directory);
            const { decision: walkedDecision, ...same } = expected;
            if (JSON.stringify(found) !== JSON.stringify(same) || decision.reason !== walkedDecision.reason) {
              t.same(found, same, JSON.stringify({ seed, files: set.files, request }));
              return;
            }
          }
        }
      }
      t.pass(`UCHROOT_SEED=${seed}`);
    },
  );
