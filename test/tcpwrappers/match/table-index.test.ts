import t from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { walkTable } from '../../../lib/tcpwrappers/match/match.ts';
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

function countMatches(rules: readonly string[], address: string): number {
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
  const request = makeRequest({ daemon: 'sshd', client: { address, name: 'h' } });
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
  t.equal(countMatches([...domains, 'sshd: 192.168.'], '192.168.7.9'), 1);
  const daemons = Array.from({ length: 9999 }, (_, i) => `daemon${i}: ALL`);
  t.equal(countMatches([...daemons, 'sshd: 192.168.'], '192.168.7.9'), 1);
});
