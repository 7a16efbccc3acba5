// The closure against the loader itself, on the programs of this machine.

import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { promisify } from 'node:util';

import t from 'tap';

import { type Closure, openResolver } from '../../lib/binary/closure.ts';
import { readCpu } from '../../lib/binary/cpu.ts';
import { bytePath, type BytePath } from '../../lib/binary/path.ts';
import { openFileRoot } from '../../lib/binary/root.ts';
import { rememberStatus } from '../../lib/binary/walk.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const MAX_FILES = 1500; // two at a time, a few milliseconds each

const run = promisify(execFile);

function isElf(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    const fd = openSync(path, 'r');
    const magic = Buffer.alloc(4);
    readSync(fd, magic);
    closeSync(fd);
    return magic.toString('latin1') === '\x7fELF';
  } catch {
    return false;
  }
}

function elfFilesIn(directories: readonly string[]): string[] {
  const files = directories
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((name) => `${directory}/${name}`))
    .filter(isElf)
    .map((path) => realpathSync(path));
  return [...new Set(files)];
}

/** What `ld.so --list` prints: the files, and the names it did not find; undefined if it takes the file for none of its own. */
async function listed(
  path: string,
): Promise<{ readonly files: string[]; readonly missing: string[] } | undefined> {
  try {
    const { stdout } = await run(LOADER, ['--list', path], { env: {} });
    return {
      files: [...stdout.matchAll(/(?:=> |^\t)(\/.*) \(0x[0-9a-f]+\)$/gm)].map(([, file]) => file ?? ''),
      missing: [...stdout.matchAll(/^\t(\S+) => not found$/gm)].map(([, name]) => name ?? ''),
    };
  } catch {
    return undefined;
  }
}

const filesOf = ({ files }: Closure) =>
  files.filter(({ role }) => role === 'library' || role === 'elf-interpreter').map(({ path }) => path);

for (const directories of [
  ['/usr/bin', '/usr/sbin'],
  ['/usr/lib/x86_64-linux-gnu', '/usr/lib64'],
])
  t.test(
    `the answer equals ld.so --list for the files of ${directories.join(' and ')}`,
    { skip: !existsSync(LOADER) && 'needs glibc on x86-64', timeout: 100_000 },
    async (t) => {
      const root = openFileRoot('/');
      t.teardown(() => root.close());
      const cpu = readCpu(readFileSync('/proc/cpuinfo', 'latin1'), {
        bits: 64,
        endian: 'little',
        machine: 62,
      });
      const resolver = openResolver(rememberStatus(root), { cpu });
      const queue = elfFilesIn(directories).slice(0, MAX_FILES);
      const differences: object[] = [];
      let compared = 0;
      const worker = async () => {
        for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
          const expected = await listed(path);
          if (expected === undefined) continue;
          compared++;
          const closure = resolver.resolve(bytePath(path));
          const missing = closure.missing.map(({ path }) => path);
          if (!sameSet(filesOf(closure), expected.files) || !sameSet(missing, expected.missing))
            differences.push({ path, expected, got: { files: filesOf(closure), missing } });
        }
      };
      await Promise.all([worker(), worker()]);
      t.same(differences, []);
      t.ok(compared > 0, `${compared} files`);
    },
  );

function sameSet(a: readonly (BytePath | string)[], b: readonly string[]): boolean {
  return [...new Set(a)].toSorted().join('\n') === [...new Set(b)].toSorted().join('\n');
}
