// Makes one file of tap, and of each compiled fixture, which is a program that tests start. Otherwise Node opens 550 files for each
// test file and up to 390 for each fixture, which takes 0.2 s of computing each time. tsc writes the fixtures as they were. The tests
// of root are bundled into dist/run: there they share files, so each opens some tens in place of hundreds.
import { readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

import { build } from 'esbuild';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  keepNames: true,
  // V8 reads all of a file before it runs any
  minifyWhitespace: true,
  // CommonJS packages require() modules of Node
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  logLevel: 'warning',
};

// Node finds dist/node_modules/tap before the package. tap leaves the files of @tapjs out of the stacks that it shows.
const directory = 'dist/node_modules/@tapjs/tap';
rmSync('dist/node_modules', { recursive: true, force: true });
await build({
  ...common,
  stdin: { contents: "export * from 'tap'; export { default } from 'tap';", resolveDir: '.' },
  outfile: `${directory}/index.js`,
});
writeFileSync(`${directory}/package.json`, '{ "type": "module", "exports": "./index.js" }\n');
symlinkSync('@tapjs/tap', 'dist/node_modules/tap');
// A process of t.spawn() loads ../esm/import.mjs of @tapjs/processinfo, which is in the one file now.
symlinkSync('../../../node_modules/@tapjs/processinfo/dist/esm', 'dist/node_modules/@tapjs/esm');

/** A module sees the paths of its own file. */
const ownPaths = {
  name: 'own-paths',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/(?:lib|test)\/.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replaceAll(/\bimport\.meta\.resolve\('(\.[^']+)'\)/g, (_, name) =>
          JSON.stringify(new URL(name, pathToFileURL(path)).href),
        )
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.filename', JSON.stringify(path))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
    }));
  },
};

await build({
  ...common,
  entryPoints: readdirSync('dist/test', { recursive: true })
    .filter((name) => /\/fixture\/[^/]+\.js$/.test(name))
    .map((name) => `dist/test/${name}`)
    .filter((file) => !readFileSync(file, 'utf8').includes(common.banner.js)),
  outdir: 'dist/test',
  outbase: 'dist/test',
  allowOverwrite: true,
  packages: 'external',
  plugins: [ownPaths],
  sourcemap: true,
  sourcesContent: false,
});

// The other tests of a room share a process, and its modules. With them, the shared files would be four times as many.
const tests = readdirSync('dist/test', { recursive: true }).filter((name) => name.endsWith('.root.test.js'));
rmSync('dist/run', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: tests.map((name) => `dist/test/${name}`),
  outdir: 'dist/run',
  outbase: 'dist/test',
  chunkNames: 'shared/[hash]',
  splitting: true,
  packages: 'external',
  plugins: [ownPaths],
  sourcemap: true,
  sourcesContent: false,
});

// What scripts of tests import in processes of their own: load('...') of test/support/child.ts, and libraryUrl('...').
const texts = readdirSync('dist/test', { recursive: true })
  .filter((name) => name.endsWith('.js') && !name.includes('/fixture/'))
  .map((name) => readFileSync(`dist/test/${name}`, 'utf8'));
const imported = texts.flatMap((text) =>
  [...text.matchAll(/\b(?:load|libraryUrl)\('([\w/-]+)\.js'\)/g)].map(([, name]) => name),
);
await build({
  ...common,
  entryPoints: [...new Set(imported)].map((name) => ({
    in: name === 'public-api' ? 'dist/test/support/public-api.js' : `dist/lib/${name}.js`,
    out: name,
  })),
  outdir: 'dist/run/lib',
  chunkNames: 'shared/[hash]',
  splitting: true,
  packages: 'external',
  plugins: [ownPaths],
});
