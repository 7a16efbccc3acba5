import t from 'tap';

import { makeElf, type Tree } from '../../support/binary/image.ts';
import { largePacks } from '../../../lib/jail/manifest/jail-parts.ts';
import type { Recorded } from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { makeProgram, planOf } from '../../support/jail/jail.ts';

const large = Buffer.concat([makeElf(), Buffer.alloc(11_000_000)]);
const paragraph = (name: string) =>
  `Package: ${name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n`;

const PLUGIN = '/usr/lib/pg/llvmjit.so';
const SMALL = '/usr/lib/pg/other.so';

const plugin = makeProgram({ needed: ['libllvm.so', 'libown.so'] });

const tree: Tree = {
  '/usr/bin/pg': makeProgram({ needed: ['libown.so'] }),
  [PLUGIN]: plugin,
  [SMALL]: makeProgram({ needed: ['libown.so'] }),
  '/lib/sys/libllvm.so': large,
  '/lib/sys/libown.so': large,
  '/var/lib/dpkg/status': paragraph('pg'),
  '/var/lib/dpkg/info/pg.list': `/usr/bin/pg\n/usr/lib/pg\n${PLUGIN}\n${SMALL}\n`,
};

t.test('a large plugin is told with the libraries that it alone needs', async (t) => {
  t.match(planOf(tree, ['/usr/bin/pg']).large, [{ path: PLUGIN, sizeBytes: large.length + plugin.length }]);
  const without = planOf(tree, ['/usr/bin/pg'], { without: [bytePath(PLUGIN)] });
  t.same(without.large, []);
  t.notOk(without.entries.some(({ path }) => path === '/lib/sys/libllvm.so'));
});

t.test('a library that a program needs as well is none of a plugin', async (t) => {
  const other = { ...tree, '/usr/bin/tool': makeProgram({ needed: ['libllvm.so'] }) };
  t.same(planOf(other, ['/usr/bin/pg', '/usr/bin/tool']).large, []);
});

t.test('a large pack is told unless it is that of a program that was asked for', async (t) => {
  const program = bytePath('/usr/bin/perl');
  const file = (path: string, reason: Recorded['reason'], sizeBytes: number) =>
    ({ kind: 'file', path: bytePath(path), mode: 0o644, reason, sizeBytes }) as Recorded;
  const told = (reason: Recorded['reason'], sizeBytes: number, total = 2 * sizeBytes) => {
    const pack = { how: 'pack', as: 'perl', by: program } as const;
    const entries = [file(program, reason, 1), file('/usr/share/perl/x.pm', pack, sizeBytes)];
    const manifest = {
      entries,
      packs: [{ name: 'perl', trigger: program }],
      packages: {},
      recipe: EMPTY_RECIPE,
    };
    return largePacks(manifest, total);
  };
  const needed = { how: 'package', as: 'perl-base', by: bytePath('/usr/bin/git') } as const;
  t.same(told(needed, 20_000_000), [{ name: 'perl', sizeBytes: 20_000_000 }]);
  t.same(told(needed, 2_000_000), []);
  t.same(told(needed, 20_000_000, 900_000_000), []);
  t.same(told({ how: 'asked' }, 20_000_000), []);
});
