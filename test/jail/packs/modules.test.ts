import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import type { Tree } from '../../support/binary/image.ts';
import { makeProgram, pathsIn, planOf } from '../../support/jail/jail.ts';
import { patientMs } from '../../support/patience.ts';

/** The files of a host that come along with a script. */
function broughtBy(
  script: string,
  path: string,
  host: Tree,
  closed: readonly string[] = [],
): readonly string[] {
  const paths = pathsIn(planOf({ [path]: script, ...host }, [path], {}, [], closed));
  return Object.keys(host).filter((name) => paths.has(name));
}

const python: Tree = {
  '/usr/bin/python3': { link: 'python3.13' },
  '/usr/bin/python3.13': makeProgram(),
  '/usr/lib/python3.13/os.py': 'import yaml',
  '/usr/lib/python3.13/json/__init__.py': '',
};

t.test('the modules that a Python script imports come along, and what these import', async (t) => {
  const site = '/usr/lib/python3/dist-packages';
  const modules: Tree = {
    [`${site}/yaml/__init__.py`]: '  import one.two, three as four\nfrom .error import *\n',
    [`${site}/yaml/sub/x.py`]: 'from five.six import seven',
    [`${site}/yaml/tests/x.py`]: 'import unused',
    [`${site}/PyYAML-6.0.egg-info/PKG-INFO`]: '',
    [`${site}/yaml-6.0.dist-info/METADATA`]: '',
    [`${site}/one.py`]: '',
    [`${site}/three.cpython-313.so`]: '',
    [`${site}/five/__init__.py`]: '',
    [`${site}/unused/__init__.py`]: '',
    [`${site}/json/__init__.py`]: '',
    '/usr/local/lib/python3.13/dist-packages/beside.py': '',
  };
  const script =
    '#!/usr/bin/env python3\nimport os, json\nif True:\n    import yaml\nfrom beside import x\n# import unused\n';
  t.same(broughtBy(script, '/srv/s', { ...python, ...modules }), [
    ...Object.keys(python),
    `${site}/yaml/__init__.py`,
    `${site}/yaml/sub/x.py`,
    `${site}/yaml-6.0.dist-info/METADATA`,
    `${site}/one.py`,
    `${site}/three.cpython-313.so`,
    `${site}/five/__init__.py`,
    '/usr/local/lib/python3.13/dist-packages/beside.py',
  ]);
});

t.test('a module may lie beside the script, or in a directory that several share', async (t) => {
  const modules: Tree = {
    '/srv/own.py': 'import google.protobuf.text',
    '/usr/lib/python3/dist-packages/google/protobuf/__init__.py': '',
    '/usr/lib/python3/dist-packages/google/other/__init__.py': '',
    '/usr/lib/python3/dist-packages/protobuf.libs/x.so': '',
  };
  t.same(broughtBy('#!/usr/bin/python3\nimport own\n', '/srv/s', { ...python, ...modules }), [
    ...Object.keys(python),
    '/srv/own.py',
    '/usr/lib/python3/dist-packages/google/protobuf/__init__.py',
  ]);
});

t.test('a virtual environment comes along whole, with the library that it is based on', async (t) => {
  const environment: Tree = {
    '/srv/venv/pyvenv.cfg': 'home = /usr/bin\n',
    '/srv/venv/bin/python': { link: '/usr/bin/python3' },
    '/srv/venv/lib/python3.13/site-packages/foo.py': '',
    '/srv/venv/lib/python3.13/site-packages/__pycache__/foo.pyc': '',
  };
  const host = { ...python, ...environment };
  const brought = Object.keys(host).filter((path) => !path.includes('__pycache__'));
  t.same(broughtBy('#!/srv/venv/bin/python\nimport foo\n', '/srv/venv/bin/s', host), brought);
  t.same(
    [...pathsIn(planOf(host, ['/srv/venv/bin/python']))].filter((path) => path.endsWith('/foo.py')).length,
    1,
  );
});

t.test('an interpreter in a directory of its own has its library there', async (t) => {
  const tree: Tree = {
    '/home/sam/.pyenv/versions/3.12.1/bin/python3.12': makeProgram(),
    '/home/sam/.pyenv/versions/3.12.1/lib/python3.12/os.py': '',
    '/home/sam/.pyenv/versions/3.12.1/lib/python3.12/site-packages/pip/__init__.py': '',
    '/usr/lib/python3.12/os.py': '',
  };
  const [interpreter = '', library = ''] = Object.keys(tree);
  const paths = pathsIn(planOf(tree, [interpreter]));
  t.ok(paths.has(library));
  t.notOk(paths.has('/usr/lib/python3.12'));
});

t.test('the modules that a Perl script uses come along, and what was compiled for them', async (t) => {
  const host: Tree = {
    '/usr/bin/perl': makeProgram({
      texts: ['/usr/share/perl5', '/usr/share/perl/5.40', '/usr/lib/sys/perl5/5.40'],
    }),
    '/usr/share/perl/5.40/strict.pm': '',
    '/usr/share/perl5/JSON.pm':
      'package JSON;\nuse parent "Base::Class";\n\n=pod\n\nuse Unused;\n\n=cut\n\nrequire Late;\n',
    '/usr/share/perl5/JSON/PP.pm': '',
    '/usr/share/perl5/Base/Class.pm': '1;\n__END__\nuse Unused;\n',
    '/usr/share/perl5/Late.pm': '',
    '/usr/share/perl5/Unused.pm': '',
    '/usr/lib/sys/perl5/5.40/DBI.pm': '',
    '/usr/lib/sys/perl5/5.40/auto/DBI/DBI.so': '',
  };
  const script =
    '#!/usr/bin/perl -w\nuse strict; use JSON qw(decode_json); use DBI;\nmy $use = "Unused"; # use Unused\n';
  const brought = Object.keys(host).filter((path) => !path.includes('Unused'));
  t.same(broughtBy(script, '/srv/s', host), brought);
});

const node: Tree = { '/usr/bin/node': makeProgram() };

t.test('the package around a script of node comes along, and those that it depends on', async (t) => {
  const packages: Tree = {
    '/srv/app/package.json': '{ "name": "app", "dependencies": { "a": "1", "@s/b": "1" } }',
    '/srv/app/lib/x.js': '',
    '/srv/app/.git/HEAD': '',
    '/srv/app/node_modules/a/package.json': '{ "name": "a", "dependencies": { "c": "1", "gone": "1" } }',
    '/srv/app/node_modules/a/node_modules/c/package.json': '{ "name": "c" }',
    '/srv/node_modules/@s/b/package.json': '{ "name": "b", "peerDependencies": { "d": "1" } }',
    '/srv/node_modules/d/package.json': '{ "name": "d", "optionalDependencies": { "a": "1" } }',
    '/srv/node_modules/e/package.json': '{ "name": "e" }',
  };
  const expected = Object.keys({ ...node, ...packages }).filter((path) => !/\.git|\/e\//.test(path));
  t.same(broughtBy('#!/usr/bin/env node\n', '/srv/app/cli.js', { ...node, ...packages }), expected);
});

t.test('a script of node without a package brings what it names', async (t) => {
  const files: Tree = {
    '/srv/lib/a.mjs': "export * from './b.js';\nimport fs from 'node:fs';",
    '/srv/lib/b.js': "require('./a.mjs'); import('../data.json')",
    '/srv/data.json': '{}',
    '/srv/lib/index.js': '',
    '/srv/lib/unused.js': '',
    '/usr/share/nodejs/semver/package.json': '{ "name": "semver" }',
  };
  const script =
    '#!/usr/bin/node\nconst a = require("./lib/a.mjs"), s = require("semver"), l = require("./lib");\n';
  const expected = Object.keys({ ...node, ...files }).filter((path) => !path.includes('unused'));
  t.same(broughtBy(script, '/srv/s', { ...node, ...files }), expected);
});

t.test('tools of the developers of a package of node stay out', async (t) => {
  const packages: Tree = {
    '/srv/app/package.json':
      '{ "name": "app", "dependencies": { "a": "1" }, "devDependencies": { "b": "1" } }',
    '/srv/app/x.js': '',
    '/srv/app/node_modules/a/package.json': '{ "name": "a" }',
    '/srv/app/node_modules/b/package.json': '{ "name": "b" }',
  };
  const brought = broughtBy('#!/usr/bin/node\n', '/srv/app/cli.js', { ...node, ...packages });
  t.same(brought, [...Object.keys(node), ...Object.keys(packages).slice(0, 3)]);
});

t.test('a home directory is no package, but what a script in it names comes along', async (t) => {
  const home: Tree = {
    '/home/sam/package.json': '{ "name": "sam", "dependencies": { "a": "1" } }',
    '/home/sam/node_modules/a/package.json': '{ "name": "a" }',
    '/home/sam/lib.js': '',
    '/home/sam/diary.txt': '',
  };
  const brought = broughtBy("#!/usr/bin/node\nrequire('./lib')\n", '/home/sam/s', { ...node, ...home });
  t.same(brought, [...Object.keys(node), ...Object.keys(home).slice(0, 3)]);
});

t.test('a directory of node_modules without a package.json is a package too', async (t) => {
  const host: Tree = {
    '/usr/bin/node': makeProgram(),
    '/srv/app/node_modules/a/index.js': "require('b')",
    '/srv/app/node_modules/a/data.txt': '',
    '/srv/app/node_modules/b/index.js': '',
    '/srv/app/node_modules/c/index.js': '',
  };
  const script = "#!/usr/bin/env node\nrequire('a')\n";
  t.same(
    broughtBy(script, '/srv/app/s', host),
    Object.keys(host).filter((path) => !path.includes('/c/')),
  );
});

t.test('a package of node that is a link into a store has its dependencies there', async (t) => {
  const store = '/srv/app/node_modules/.pnpm/a@1/node_modules';
  const packages: Tree = {
    '/srv/app/package.json': '{ "name": "app", "dependencies": { "a": "1" } }',
    '/srv/app/node_modules/a': { link: '.pnpm/a@1/node_modules/a' },
    [`${store}/a/package.json`]: '{ "name": "a", "dependencies": { "b": "1" } }',
    [`${store}/b/package.json`]: '{ "name": "b" }',
  };
  const script = { '/srv/app/cli.js': '#!/usr/bin/node\n' };
  t.same(broughtBy('#!/usr/bin/node\n', '/srv/app/cli.js', { ...node, ...packages, ...script }).length, 6);
});

t.test('a script that rubygems made brings the gems of the host', async (t) => {
  const host: Tree = {
    '/usr/bin/ruby3.3': makeProgram({ texts: ['/usr/lib/ruby/3.3.0'] }),
    '/usr/lib/ruby/3.3.0/set.rb': '',
    '/var/lib/gems/3.3.0/gems/rake-13/lib/rake.rb': '',
    '/var/lib/gems/3.3.0/doc/x': '',
  };
  const gem = "#!/usr/bin/ruby3.3\nrequire 'rubygems'\nload Gem.activate_bin_path('rake', 'rake')\n";
  t.same(broughtBy(gem, '/usr/local/bin/rake', host), Object.keys(host).slice(0, 3));
  t.same(broughtBy('#!/usr/bin/ruby3.3\nputs 1\n', '/srv/s', host), Object.keys(host).slice(0, 2));
});

t.test('a program of a thousand modules that import the same names is planned in seconds', async (t) => {
  const site = '/usr/lib/python3/dist-packages';
  const names = ['big', 'yaml', 'os', ...Array.from({ length: 17 }, (_, index) => `absent${index}`)];
  const text = names.map((name) => `import ${name}\n`).join('');
  const modules = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`${site}/big/p${index % 50}/m${index}.py`, text]),
  );
  const host: Tree = {
    ...python,
    ...modules,
    [`${site}/big/__init__.py`]: '',
    [`${site}/yaml/__init__.py`]: '',
  };
  const start = performance.now();
  const brought = broughtBy('#!/usr/bin/python3\nimport big\n', '/srv/s', host);
  t.ok(performance.now() - start < patientMs(10_000), 'not a search of each directory for each module');
  t.ok(brought.includes(`${site}/big/p7/m7.py`));
  t.ok(brought.includes(`${site}/yaml/__init__.py`));
});

t.test('a script in a closed directory brings its environment and the modules beside it', async (t) => {
  const own: Tree = {
    '/root/venv/pyvenv.cfg': 'home = /usr/bin\n',
    '/root/venv/bin/python': { link: '/usr/bin/python3' },
    '/root/venv/lib/python3.13/site-packages/foo.py': '',
    '/root/app/helper.py': '',
    '/root/app/keys/__init__.py': '',
  };
  const closed = ['/root', '/root/app/keys'];
  const script = '#!/root/venv/bin/python\nimport foo, helper, keys\n';
  const host = { ...python, ...own };
  const expected = Object.keys(host).filter((path) => !path.includes('/keys/'));
  t.same(broughtBy(script, '/root/app/s', host, closed), expected);
});

t.test('an interpreter in a closed directory has its library and its modules there', async (t) => {
  const prefix = '/root/py';
  const host: Tree = {
    ...python,
    [`${prefix}/bin/python3.12`]: makeProgram(),
    [`${prefix}/lib/python3.12/os.py`]: '',
    [`${prefix}/lib/python3.12/site-packages/foo.py`]: 'import bar',
    [`${prefix}/lib/python3.12/site-packages/bar.py`]: '',
    '/usr/local/bin/other': '#!/usr/bin/python3\n',
  };
  const script = `#!${prefix}/bin/python3.12\nimport foo\n`;
  const tree = { ...host, '/usr/local/bin/s': script };
  const plan = planOf(tree, ['/usr/local/bin/other', '/usr/local/bin/s'], {}, [], ['/root']);
  t.same(plan.secrets, []);
  t.same(
    Object.keys(host).filter((path) => !pathsIn(plan).has(path)),
    [],
  );
});

t.test('the package around a script of node comes without its closed directories', async (t) => {
  const packages: Tree = {
    '/root/app/package.json': '{ "name": "app", "dependencies": { "a": "1" } }',
    '/root/app/node_modules/a': { link: '.pnpm/a@1/node_modules/a' },
    '/root/app/node_modules/.pnpm/a@1/node_modules/a/package.json': '{ "name": "a" }',
    '/root/app/private/key': '',
    '/root/app/config': { link: '/etc/app/config' },
    '/etc/app/config': '',
  };
  const closed = ['/root', '/root/app/private', '/etc/app'];
  const host = { ...node, ...packages };
  const expected = Object.keys(host).filter((path) => !/\/private\/|^\/etc/.test(path));
  t.same(broughtBy('#!/usr/bin/env node\n', '/root/app/cli.js', host, closed), expected);
});

/** The files of a host that come along with copied files, as `--copy` brings them, and a program. */
function broughtByCopies(host: Tree, program: string, ...copies: readonly string[]): readonly string[] {
  const given = copies.map((path) => {
    const [from = '', to = from] = path.split(':');
    return { from: bytePath(from), to: bytePath(to) };
  });
  const paths = pathsIn(planOf(host, [program], { copies: given }));
  return Object.keys(host).filter((name) => paths.has(name));
}

t.test(
  'a script that is copied, and that nobody can execute, brings the modules that it imports',
  async (t) => {
    const site = '/usr/lib/python3/dist-packages';
    const host: Tree = {
      ...python,
      [`${site}/flask/__init__.py`]: 'import werkzeug\n',
      [`${site}/werkzeug/__init__.py`]: '',
      [`${site}/unused/__init__.py`]: '',
      '/srv/app.py': 'from flask import Flask\n',
      '/srv/venv/lib/python3.13/site-packages/x/__init__.py': 'import unused\n',
      '/srv/notes.txt': 'import unused\n',
    };
    const wanted = [`${site}/flask/__init__.py`, `${site}/werkzeug/__init__.py`];
    const ofSite = (paths: readonly string[]) => paths.filter((path) => path.startsWith(site));
    t.same(ofSite(broughtByCopies(host, '/usr/bin/python3', '/srv/app.py:/app/main.py')), wanted);
    t.same(ofSite(broughtByCopies(host, '/usr/bin/python3', '/srv')), wanted);
    const other = { ...host, '/bin/other': makeProgram() };
    t.same(ofSite(broughtByCopies(other, '/bin/other', '/srv')), [], 'not without an interpreter');
  },
);

t.test('a script that is copied to another path is read where it lies on the host', async (t) => {
  const site = '/usr/lib/python3/dist-packages';
  const host: Tree = {
    ...python,
    '/srv/s': '#!/usr/bin/python3\nimport yaml\n',
    [`${site}/yaml/__init__.py`]: '',
  };
  t.ok(broughtByCopies(host, '/usr/bin/python3', '/srv/s:/opt/s').includes(`${site}/yaml/__init__.py`));
});

t.test('a copied file of node brings what it depends on, and not the package around it', async (t) => {
  const host: Tree = {
    ...node,
    '/srv/app/package.json': '{ "name": "app" }',
    '/srv/app/.env': 'secret',
    '/srv/app/x.mjs': "import a from 'a';\n",
    '/srv/app/node_modules/a/package.json': '{ "name": "a" }',
  };
  t.same(broughtByCopies(host, '/usr/bin/node', '/srv/app/x.mjs'), [
    '/usr/bin/node',
    '/srv/app/x.mjs',
    '/srv/app/node_modules/a/package.json',
  ]);
});

t.test('a data source of DBI names the driver', async (t) => {
  const modules = '/usr/lib/sys/perl5/5.40';
  const host: Tree = {
    '/usr/bin/perl': makeProgram({ texts: ['/usr/share/perl/5.40', modules] }),
    '/usr/share/perl/5.40/strict.pm': '',
    [`${modules}/DBI.pm`]: '',
    [`${modules}/DBD/SQLite.pm`]: '',
    [`${modules}/DBD/Pg.pm`]: '',
    [`${modules}/auto/DBD/SQLite/SQLite.so`]: '',
  };
  const script = '#!/usr/bin/perl\nuse DBI;\nDBI->connect("dbi:SQLite(RaiseError=>1):dbname=x");\n';
  t.same(
    broughtBy(script, '/srv/s', host),
    Object.keys(host).filter((path) => !path.includes('Pg')),
  );
});

t.test('the gems that a Ruby script requires come along, and those that they depend on', async (t) => {
  const gems = '/var/lib/gems/3.3.0';
  const host: Tree = {
    '/usr/bin/ruby3.3': makeProgram({ texts: ['/usr/lib/ruby/3.3.0'] }),
    '/usr/lib/ruby/3.3.0/set.rb': '',
    '/lib/sys/rubygems-integration/3.3.0/gems/nio4r-2.7/lib/nio.rb': '',
    '/lib/sys/rubygems-integration/3.3.0/specifications/nio4r-2.7.gemspec': '',
    [`${gems}/gems/sinatra-4.1/lib/sinatra/base.rb`]: 'require "tilt"\n',
    [`${gems}/gems/sinatra-contrib-4.1/lib/contrib.rb`]: '',
    [`${gems}/gems/tilt-2.4/lib/tilt.rb`]: '',
    [`${gems}/gems/rack-3.1.20/lib/rack.rb`]: '',
    [`${gems}/extensions/x/3.3.0/rack-3.1.20/rack.so`]: '',
    [`${gems}/specifications/sinatra-4.1.gemspec`]: 's.add_runtime_dependency(%q<rack>.freeze, ["~> 3"])\n',
    [`${gems}/specifications/rack-3.1.20.gemspec`]: '',
    [`${gems}/gems/unused-1/lib/unused.rb`]: '',
  };
  const script = "#!/usr/bin/ruby3.3\nrequire 'sinatra/base'\n";
  t.same(
    broughtBy(script, '/srv/s', host),
    Object.keys(host).filter((path) => !/unused|contrib/.test(path)),
  );
});

// The first ended with a TypeError, the second with all memory used.
t.test('a name that no file can have is no module in a copied file', async (t) => {
  const host: Tree = {
    '/usr/bin/node': makeProgram(),
    '/srv/a.js': 'require("./\0virtual"); import "\0virtual"; require("./b")',
    '/srv/b.js': '',
    '/usr/bin/perl': makeProgram(),
    '/srv/a.pl': `use ${'A::'.repeat(300_000)}B;`,
  };
  t.ok(broughtByCopies(host, '/usr/bin/node', '/srv/a.js').includes('/srv/b.js'));
  t.ok(broughtByCopies(host, '/usr/bin/perl', '/srv/a.pl').includes('/srv/a.pl'));
});
