// The closure against the loader itself, on the programs and libraries of this machine.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import t from 'tap';

import { type Closure, openResolver } from '../../lib/binary/closure.ts';
import { readCpu } from '../../lib/binary/machine.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { rememberStatus } from '../../lib/tree/remembered-root.ts';
import { elfFilesBelow } from '../support/binary/hostfiles.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const MAX_FILES = 400;

const run = promisify(execFile);

interface List {
  /** In the order in which they are loaded. */
  readonly files: readonly string[];
  readonly missing: readonly string[];
}

/** It does not load the file, in some cases since a library is not there. */
interface Refusal {
  readonly lacks: string | undefined;
}

/** What `ld.so --list` says of each, without the loader itself. One shell asks: a fork of this process takes longer than the loader. */
async function listed(paths: readonly string[]): Promise<(List | Refusal)[]> {
  const script = 'for path; do "$0" --list "$path" 2>&1; printf "\\0%s\\0" $?; done';
  const { stdout } = await run('sh', ['-c', script, LOADER, ...paths], { env: {}, maxBuffer: 2 ** 26 });
  const parts = stdout.split('\0').slice(0, -1);
  return paths.map((_, i) => {
    const [text = '', status] = parts.slice(2 * i);
    if (status !== '0') return { lacks: /: (\S+): cannot open shared object file/.exec(text)?.[1] };
    const files = [...text.matchAll(/(?:=> |^\t)(\/.*) \(0x[0-9a-f]+\)$/gm)].map(([, file]) => file ?? '');
    const missing = [...text.matchAll(/^\t(\S+) => not found$/gm)].map(([, name]) => name ?? '');
    return { files: files.filter((file) => file !== LOADER), missing: [...new Set(missing)].toSorted() };
  });
}

function toList({ files, missing }: Closure): List {
  return {
    files: files.filter(({ role }) => role === 'library').map(({ path }) => path),
    missing: missing.map(({ path }) => path).toSorted(),
  };
}

/** Static programs, object files and those of other machines are nothing that this loader could load. */
function isRefused({ files: [file], missing }: Closure, { lacks }: Refusal): boolean {
  const { linkage, machine } = file?.elf ?? { linkage: 'none' };
  // the loader says of a file of another machine that it could not open it
  if (machine !== 62) return true;
  if (lacks !== undefined) return missing.some(({ path }) => path === lacks);
  return linkage === 'none' || linkage.startsWith('static');
}

for (const directories of [
  ['/usr/bin', '/usr/sbin'],
  ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/libexec'],
])
  t.test(
    `the answer equals ld.so --list for ELF files below ${directories.join(' and ')}`,
    { skip: !existsSync(LOADER) && 'needs glibc on x86-64' },
    async (t) => {
      const root = openFileRoot('/');
      t.teardown(() => root.close());
      const text = readFileSync('/proc/cpuinfo', 'latin1');
      const cpu = readCpu(text, { bits: 64, endian: 'little', machine: 62 });
      const resolver = openResolver(rememberStatus(root), { cpu, dlopen: 'none' });
      const all = elfFilesBelow(directories);
      const step = Math.ceil(all.length / MAX_FILES);
      const paths = all.filter((_, i) => i % step === 0);
      const lists = await listed(paths);
      t.equal(lists.length, paths.length);
      const differences: object[] = [];
      let compared = 0;
      for (const [i, path] of paths.entries()) {
        const expected = lists[i] ?? { lacks: undefined };
        const closure = resolver.resolve(bytePath(path));
        if ('lacks' in expected) {
          if (!isRefused(closure, expected)) differences.push({ path, expected, closure });
          continue;
        }
        compared++;
        const got = toList(closure);
        if (JSON.stringify(got) !== JSON.stringify(expected)) differences.push({ path, expected, got });
      }
      t.same(differences.slice(0, 5), []);
      t.equal(differences.length, 0);
      t.ok(compared > 0, `${compared} files`);
    },
  );
