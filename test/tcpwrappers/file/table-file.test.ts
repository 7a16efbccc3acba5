// Files of rules that change.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { TableFile } from '../../../lib/tcpwrappers/file/table-file.ts';
import { findRule } from '../../../lib/tcpwrappers/match/match.ts';
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

const lineOf = ({ table }: TableFile, address: string): number | undefined => {
  const found = findRule(table.rules, makeRequest({ daemon: 'sshd', client: { address } }));
  return found === undefined || 'kind' in found ? undefined : found.line;
};

t.test('a change counts at once, and without one the table is the same', async (t) => {
  const { file, write } = open(t, rules(20, 'info'));
  const { table } = file;
  t.equal(file.table, table);
  write('allow', rules(21, 'err'));
  t.equal(lineOf(file, '10.0.0.1'), 22);
  write('allow', rules(21, 'err'));
  const now = file.table;
  write('allow', rules(21, 'err'));
  t.equal(file.table, now, 'the same content is the same table');
});

t.test('a change of a file of patterns counts, also with a change in front of it', async (t) => {
  const { file, write, path } = open(t, '');
  write('list', '10.0.0.1');
  const named = `${rules(100, 'info')}sshd: ${path('list')}\n`;
  write('allow', named);
  t.equal(lineOf(file, '10.0.0.2'), undefined);
  write('list', '10.0.0.2');
  t.equal(lineOf(file, '10.0.0.2'), 102);
  write('list', '10.0.0.3');
  write('allow', `${named}sshd: 10.0.0.4\n`);
  t.equal(lineOf(file, '10.0.0.2'), undefined);
  t.equal(lineOf(file, '10.0.0.3'), 102);
  t.equal(lineOf(file, '10.0.0.4'), 103);
});

t.test('an append to a long file costs a part of what all of its lines cost', async (t) => {
  const cost = (work: () => unknown): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const text = rules(100_000, 'info');
  const { file, write } = open(t, 'sshd: ALL\n');
  write('allow', text);
  const whole = cost(() => file.table);
  const appends: number[] = [];
  for (let i = 0; i < 5; i++) {
    write('allow', `${text}sshd: 10.0.0.2: severity err\n${'\n'.repeat(i)}`);
    appends.push(cost(() => file.table));
  }
  t.ok(Math.min(...appends) < whole / 4, `${appends.join(', ')} of ${whole} microseconds`);
  t.equal(lineOf(file, '10.0.0.2'), 100_002);
});
