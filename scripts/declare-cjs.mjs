// Writes what require() gets of the package: a module that passes on the ES module, and its types. TypeScript takes a .d.ts
// of this package for an ES module, and with `module: node16` CommonJS cannot import that.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const dist = join(import.meta.dirname, '../dist/lib');
const entries = ['index', 'posix', 'tcpwrappers/index'].map((entry) => join(dist, entry));

// in `import … from` and `export … from`, and in `import("…")`
const specifiers = /(from |import\()(["'])(\.{1,2}\/[^"']+)\.ts\2/g;

const declared = new Set(entries);
for (const module of declared) {
  const text = readFileSync(`${module}.d.ts`, 'utf8');
  const types = text.replace(specifiers, (_, before, quote, path) => {
    declared.add(join(dirname(module), path));
    return `${before}${quote}${path}.cjs${quote}`;
  });
  writeFileSync(`${module}.d.cts`, types.replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}
for (const entry of entries)
  writeFileSync(`${entry}.cjs`, `module.exports = require('./${basename(entry)}.js');\n`);
