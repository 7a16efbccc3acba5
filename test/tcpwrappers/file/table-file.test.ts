// Long files of rules that change while others have something to do.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { TableFile } from '../../../lib/tcpwrappers/file/table-file.ts';
import type { Search } from '../../../lib/tcpwrappers/rule/rule-table.ts';
import { makeDirectory } from '../../support/directory.ts';

interface Opened {
  readonly file: TableFile;
  readonly write: (name: string, text: string) => void;
  readonly path: (name: string) => string;
}

function open(t: Test, text: string): Opened {
  const directory = makeDirectory(t);
  const path = (name: string): string => join(directory, name);
  const write = (name: string, text: string): void => writeFileSync(path(name), text);
  write('allow', text);
  return { file: new TableFile(Buffer.from(path('allow')), { role: 'allow' }), write, path };
}

// Rules for other addresses, and behind them one with a mark.
function rules(count: number, mark: string): string {
  const all = Array.from({ length: count }, (_, i) => `sshd: 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`);
  return `${all.join('')}sshd: 10.0.0.1: severity ${mark}\n`;
}

function markOf(search: Search): string | undefined {
  const found = search.find(makeRequest({ daemon: 'sshd', client: { address: '10.0.0.1' } }));
  if (found === undefined || 'kind' in found) return undefined;
  const option = found.options[0]?.option;
  return option?.kind === 'severity' ? option.level : undefined;
}

/** How many turns of the event loop others had meanwhile. */
async function turnsDuring(work: Promise<unknown> | Search): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work;
  isOver = true;
  return turns;
}

t.test('a change of a few rules counts at once', async (t) => {
  const { file, write } = open(t, rules(20, 'info'));
  t.equal(markOf(file.now()), 'info');
  write('allow', rules(20, 'err'));
  const search = file.soon();
  t.notOk(search instanceof Promise);
  t.equal(markOf(await search), 'err');
});

for (const [what, change] of [
  ['rules', rules(40_000, 'err')],
  [
    'words of a file of patterns',
    Array.from({ length: 60_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`).join('\n'),
  ],
  ['rules behind a line that is too long', `x: ${'y '.repeat(1500)}\n${rules(300_000, 'err')}`],
] as const)
  t.test(`a change of many ${what} does not stop the event loop`, async (t) => {
    const { file, write, path } = open(t, rules(20, 'info'));
    if (what.includes('patterns')) {
      write('allow', `sshd: ${path('list')}: severity err\n`);
      write('list', change);
    } else write('allow', change);
    const search = file.soon();
    const turns = await turnsDuring(search);
    t.ok(turns > 5, `${turns} turns`);
    const now = markOf(await search);
    t.equal(now, what.includes('too long') ? undefined : 'err');
    t.equal(await file.soon(), await search, 'and it is read once');
  });

t.test('what changes while it is read counts for whoever comes then', async (t) => {
  const { file, write } = open(t, rules(20, 'info'));
  write('allow', rules(20_000, 'err'));
  const first = file.soon();
  await new Promise((done) => {
    setImmediate(done);
  });
  write('allow', rules(20_001, 'crit'));
  const second = file.soon();
  t.equal(markOf(await first), 'err');
  t.equal(markOf(await second), 'crit');
});

t.test('a file that changes all the time keeps nobody waiting for ever', async (t) => {
  const { file, write } = open(t, rules(20, 'info'));
  let count = 5000;
  let isOver = false;
  const change = (): void => {
    if (isOver) return;
    write('allow', rules(count++, 'err'));
    setImmediate(change);
  };
  change();
  for (let i = 0; i < 5; i++) t.equal(markOf(await file.soon()), 'err');
  isOver = true;
});

t.test('what is asked for on the spot meanwhile is not replaced by what was begun before', async (t) => {
  const { file, write } = open(t, rules(20, 'info'));
  write('allow', rules(20_000, 'err'));
  const begun = file.soon();
  write('allow', rules(20_001, 'crit'));
  t.equal(markOf(file.now()), 'crit');
  await begun;
  t.equal(markOf(file.now()), 'crit');
});

t.test(
  'an append to a long file keeps clients waiting for a few of its lines, and not for all',
  async (t) => {
    const cost = async (work: () => unknown): Promise<number> => {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const text = rules(100_000, 'info');
    const { file, write } = open(t, 'sshd: ALL\n');
    write('allow', text);
    const whole = await cost(() => file.soon());
    t.equal(markOf(file.now()), 'info');
    const appends: number[] = [];
    for (let i = 0; i < 5; i++) {
      write('allow', `sshd: 12.0.0.${i}\n${text}sshd: 10.0.0.2: severity err\n`);
      appends.push(await cost(() => file.soon()));
    }
    t.ok(Math.min(...appends) < whole / 4, `${appends.join(', ')} of ${whole} microseconds`);
    const found = (await file.soon()).find(makeRequest({ daemon: 'sshd', client: { address: '10.0.0.2' } }));
    t.match(found, { line: 100_003 });
  },
);
