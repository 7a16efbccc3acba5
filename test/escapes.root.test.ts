// scripts/escape: each row breaks without a jail, and our levels break nowhere but where doc/escapes.md says so.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

import t from 'tap';

import { packageDirectory, searchPath, temporaryDirectory } from './support/launch.ts';
import { unlessRoot } from './support/root.ts';
import { sanitized } from './support/sanitizer.ts';

interface Verdict {
  readonly verdict: 'broke' | 'held' | 'lacks' | 'error';
  readonly reason: string;
}

interface Launch {
  readonly tool: string;
  readonly level: string;
  readonly as: 'user' | 'root';
  readonly failed?: string;
  readonly verdicts: Readonly<Record<string, Verdict>>;
}

interface Result {
  readonly rows: readonly { readonly name: string }[];
  readonly launches: readonly Launch[];
}

const skip =
  unlessRoot('gcc', 'ip', 'losetup', 'setcap', 'setpriv', 'unshare') ||
  // its machines have no runtime to preload
  (sanitized && 'the sanitized build preloads its runtime');

let result: Result = { rows: [], launches: [] };

t.before(() => {
  if (skip !== false) return;
  const file = `${temporaryDirectory()}/verdicts.json`;
  const words = [`${packageDirectory}/scripts/escape`, 'uchroot', '--json', file];
  const { stderr } = spawnSync('bash', words, { env: { PATH: searchPath }, encoding: 'utf8' });
  if (!existsSync(file)) throw new Error(stderr);
  result = JSON.parse(readFileSync(file, 'utf8')) as Result;
});

// Rows for parts that a kernel may be built without, or for capabilities that root of a container may lack.
const absent = /ENOENT|ENOSYS|ENXIO|ENODEV|EAFNOSUPPORT|EPROTONOSUPPORT|EPERM|EACCES|EOPNOTSUPP/;

t.test('each row breaks without a jail, or the kernel lacks what it needs', { skip }, async (t) => {
  const planted = result.launches.filter(({ tool }) => tool === 'none');
  t.equal(planted.length, 2);
  let broken = 0;
  for (const { name } of result.rows) {
    const [asUser, asRoot] = planted.map(({ verdicts }) => verdicts[name]);
    if (asUser?.verdict === 'broke' || asRoot?.verdict === 'broke') broken++;
    else t.match(asRoot?.reason ?? '', absent, `${name}: ${asUser?.reason}`);
  }
  t.ok(broken > 150, `${broken} break`);
});

// The marks of doc/escapes.md: row, then level, then for whom it broke.
function readPage(): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const marks = new Map<string, Record<string, string>>();
  let head: readonly string[] = [];
  for (const line of readFileSync(`${packageDirectory}/doc/escapes.md`, 'utf8').split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells[1] === 'row') head = cells;
    else if (cells[1]?.startsWith('`') && head.includes('plain'))
      marks.set(cells[1].slice(1, -1), Object.fromEntries(cells.map((cell, i) => [head[i] ?? '', cell])));
  }
  return marks;
}

t.test('our levels break nowhere but where doc/escapes.md says so', { skip }, async (t) => {
  const marks = readPage();
  t.same(
    result.rows.map(({ name }) => name).filter((name) => !marks.has(name)),
    [],
    'each row is on the page',
  );
  const ours = result.launches.filter(({ tool }) => tool === 'uchroot');
  t.equal(ours.length, 10);
  for (const { level, as, failed, verdicts } of ours) {
    t.equal(failed, undefined, `${level} as ${as}`);
    const unexpected = result.rows.flatMap(({ name }) => {
      const { verdict, reason } = verdicts[name] ?? { verdict: 'error', reason: 'no verdict' };
      const isKnown = verdict === 'broke' && marks.get(name)?.[level]?.includes(as === 'user' ? 'u' : 'r');
      return (verdict === 'broke' || verdict === 'error') && isKnown !== true
        ? [`${name}: ${verdict}: ${reason}`]
        : [];
    });
    t.same(unexpected, [], `${level} as ${as}`);
  }
});
