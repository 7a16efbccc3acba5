import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import t from 'tap';

import { packageDirectory } from './support/launch.ts';

const scripts = `${packageDirectory}/scripts`;

interface Import {
  readonly script: string;
  readonly target: string;
  readonly names: readonly string[];
}

function importsOf(script: string): readonly Import[] {
  // without the sources that a script writes
  const own = readFileSync(join(scripts, script), 'utf8').replaceAll(/`[^`]*`/g, '``');
  const found = own.matchAll(/^import (?:\{([^}]*)\} from )?'(\.[^']+)'/gm);
  return [...found].map(([, names = '', target = '']) => ({
    script,
    target: join(dirname(join(scripts, script)), target),
    names: names.split(',').flatMap((name) => /\w+/.exec(name) ?? []),
  }));
}

t.test('what a script or a benchmark imports is there', async (t) => {
  const modules = readdirSync(scripts, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.mjs'),
  );
  const imports = modules.flatMap(importsOf);
  t.ok(imports.length > 20);
  t.same(
    imports.filter(({ target }) => !existsSync(target)),
    [],
  );
  for (const { script, target, names } of imports.filter(({ target }) => target.includes('/dist/lib/'))) {
    const exported = Object.keys((await import(target)) as object);
    t.same(
      names.filter((name) => !exported.includes(name)),
      [],
      script,
    );
  }
});
