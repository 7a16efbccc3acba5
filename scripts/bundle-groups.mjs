// Bundles lib into dist/bin, one file for each of these groups of modules. V8 looks through the whole text of a file before it runs any
// of it, so a command compiles only the groups that it uses; each module is in one group. lib/bin/open-bundle.ts opens them. Then it
// writes the entry points of the library into dist/package.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';

import { build } from 'esbuild';

// Of two names that a module begins with, the longer one counts; a name that ends with a slash is a room. All that a launch by uchroot
// needs is in a group of its own, `hot`, and all else that the modules in lib/bin/uchroot-late.ts need in `late`. The file of the command
// itself is `command`, in dist/bin/uchroot.cjs.
const GROUPS = {
  base: [
    'words/',
    'mistakes/',
    'values/',
    'findings/',
    'trust/',
    'tree/',
    'binary/',
    'errors.ts',
    'version.ts',
  ],
  toml: ['values/toml-options.ts', 'inetd/config/toml-text.ts'],
  launch: [
    'launch/',
    'outbound/',
    'workspace/',
    'index.ts',
    'posix.ts',
    'bin/',
    'service/unit/',
    'inetd/serve.ts',
  ],
  tcpwrappers: [
    'tcpwrappers/',
    'inetd/',
    'service/tcpd/',
    'bin/tcpd/',
    'bin/inetd/',
    'bin/uchroot-tcpd.ts',
    'bin/uchroot-inetd.ts',
  ],
  jail: ['jail/', 'bin/jail/', 'bin/uchroot-jail-command.ts', 'bin/mistakes/foreign-jail-words.ts'],
  layers: [
    'bin/uchroot-layers.ts',
    'jail/image/bad-image.ts',
    'jail/image/layer-frames.ts',
    'jail/image/layer-stream.ts',
    'jail/image/sparse-content.ts',
    'jail/image/tar-header.ts',
    'jail/image/tar-reader.ts',
  ],
  service: [
    'service/',
    'bin/service-apply.ts',
    'bin/service-commands.ts',
    'bin/service-failure.ts',
    'bin/service-lines.ts',
    'bin/service-update.ts',
    'bin/uchroot-service.ts',
    'bin/mistakes/foreign-service-words.ts',
  ],
};
const COMMAND = 'bin/uchroot-command.ts';

const modules = readdirSync('lib', { recursive: true }).filter(
  (name) => name.endsWith('.ts') && name !== 'native.ts',
);
const textOf = (module) => readFileSync(join('lib', module), 'utf8');

const isValue = (name) => name !== '' && !name.startsWith('type ');

/** What a module imports of lib, with the names; types are left out, which are gone in JavaScript. */
function importsOf(module) {
  const statements = textOf(module).matchAll(
    /^(?:import|export) (?!type )(?:([^;']*?) from )?'(\.[^']+)';/gm,
  );
  const imports = [...statements].map(([, words = '', path]) => {
    const names = words
      .replace(/^\{|\}$/g, '')
      .split(',')
      .map((name) => name.trim());
    return {
      module: posix.join(posix.dirname(module), path),
      names: names.filter(isValue).map((name) => name.replace(/ as \w+$/, '')),
      isAlone: words === '',
    };
  });
  return imports.filter((each) => modules.includes(each.module) && (each.isAlone || each.names.length > 0));
}

/** All modules that these need, but for those that are known already. */
function needed(roots, known) {
  const found = new Set();
  const add = (module) => {
    if (found.has(module) || known.has(module)) return;
    found.add(module);
    for (const imported of importsOf(module)) add(imported.module);
  };
  for (const root of roots) add(root);
  return found;
}

const openBundle = textOf('bin/open-bundle.ts');
const parts = [...openBundle.matchAll(/: '(\w+):(\S+\.ts)'/g)].map(([, group, module]) => ({
  group,
  module,
}));
const lateRoots = importsOf('bin/uchroot-late.ts').map(({ module }) => module);
const opened = parts.map(({ module }) => module).filter((module) => module !== COMMAND);
const hot = needed([COMMAND], new Set([...lateRoots, ...opened]));
const late = needed(lateRoots, new Set([...hot, ...opened]));
hot.delete(COMMAND);

function groupOf(module) {
  if (module === COMMAND) return 'command';
  if (hot.has(module)) return 'hot';
  if (late.has(module)) return 'late';
  const named = Object.entries(GROUPS).flatMap(([group, names]) => names.map((name) => ({ group, name })));
  const fitting = named.filter(({ name }) =>
    name.endsWith('/') ? module.startsWith(name) : module === name,
  );
  const [found] = fitting.toSorted((a, b) => b.name.length - a.name.length);
  if (found === undefined) throw new Error(`bundle-groups: no group has lib/${module}`);
  return found.group;
}

/** Modules that are opened by name, or that another group imports. */
function sharedModules() {
  for (const { group, module } of parts)
    if (groupOf(module) !== group)
      throw new Error(`bundle-groups: lib/${module} is in the group ${groupOf(module)}`);
  const imported = modules.flatMap((module) => {
    const others = importsOf(module).filter((each) => groupOf(each.module) !== groupOf(module));
    // its names would be copied before the module is loaded
    const whole = others.find(({ names }) => names.some((name) => name.startsWith('*')));
    if (whole)
      throw new Error(`bundle-groups: lib/${module} imports all of ${whole.module}, of another group`);
    return others.map((each) => each.module);
  });
  return [...new Set([...parts.map(({ module }) => module), ...imported])];
}

/** A module of another group is one to require, by the names of both. */
const otherGroups = (group) => ({
  name: 'other-groups',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, importer }) => {
      const module = posix.relative(join(process.cwd(), 'lib'), posix.join(posix.dirname(importer), path));
      if (module === 'native.ts') return { path: 'native.ts', external: true };
      if (!modules.includes(module) || groupOf(module) === group) return undefined;
      return { path: `${groupOf(module)}:${module}`, external: true };
    });
  },
});

const quote = JSON.stringify;

const bundle = (group, options) =>
  build({
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    // for an uncaught error, Node shows the whole line of it
    lineLimit: 160,
    legalComments: 'eof',
    logLevel: 'warning',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
    logOverride: { 'empty-import-meta': 'error' },
    plugins: [otherGroups(group)],
    ...options,
  });

const wrapper = { js: '(function (require, module, __dirname, __filename) {' };
const shared = sharedModules();
for (const group of ['late', ...Object.keys(GROUPS)]) {
  // require() runs a module at its first use (https://esbuild.github.io/content-types/#javascript)
  const entries = shared
    .filter((module) => groupOf(module) === group)
    .map((module) => `${quote(module)}: () => require(${quote(`./lib/${module}`)}),`);
  await bundle(group, {
    stdin: { contents: `module.exports = {\n${entries.join('\n')}\n};`, resolveDir: '.' },
    outfile: `dist/bin/bundle-${group}.cjs`,
    banner: wrapper,
    footer: { js: 'return module.exports; })' },
  });
}

// All modules of `hot` are run at once: V8 would look twice through what is run later.
const wanted = new Map();
for (const { module, names } of modules.filter((each) => !hot.has(each)).flatMap(importsOf))
  if (hot.has(module)) wanted.set(module, new Set([...(wanted.get(module) ?? []), ...names]));
const given = [...wanted].map(([module, names], i) => ({
  module,
  names: [...names].map((name) => [name, `${name}${i}`]),
}));
const hotModules = [
  ...given.map(
    ({ module, names }) =>
      `import { ${names.map(([name, here]) => `${name} as ${here}`).join(', ')} } from ${quote(`./lib/${module}`)};`,
  ),
  'export const group = {',
  ...given.map(
    ({ module, names }) =>
      `${quote(module)}: () => ({ ${names.map(([name, here]) => `${name}: ${here}`).join(', ')} }),`,
  ),
  '};',
].join('\n');
await bundle('hot', {
  stdin: { contents: hotModules, resolveDir: '.' },
  outfile: 'dist/bin/bundle-hot.cjs',
  banner: wrapper,
  footer: { js: 'return module.exports.group; })' },
});
await bundle('command', {
  stdin: { contents: `import './lib/${COMMAND}';`, resolveDir: '.' },
  outfile: 'dist/bin/uchroot.cjs',
  banner: { js: `${readFileSync(0, 'latin1')} require = start.load;` },
});

/** Functions that an entry file exports from other groups. */
function laterFunctions(entry) {
  return importsOf(entry)
    .filter(({ module }) => ![groupOf(entry), 'hot', 'late', 'base'].includes(groupOf(module)))
    .flatMap(({ names }) => names)
    .filter((name) => /^[a-z]/.test(name));
}

// import and require() give the same objects. The names are listed, because Node finds no names in the CommonJS file.
for (const [part, entry = `${part}.ts`] of [['index'], ['posix'], ['tcpwrappers', 'tcpwrappers/index.ts']]) {
  const file = `dist/package/${part}.cjs`;
  const later = JSON.stringify(laterFunctions(entry));
  writeFileSync(
    file,
    `module.exports = require('../bin/open-bundle.cjs').openLibrary('${part}', ${later});\n`,
  );
  const names = Object.keys(createRequire(import.meta.url)(`../${file}`));
  writeFileSync(
    `dist/package/${part}.mjs`,
    `import api from './${part}.cjs';\n\nexport const { ${names.join(', ')} } = api;\nexport default api;\n`,
  );
}
