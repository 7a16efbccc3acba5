import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { type Closure, openResolver, resolveProgram } from '../../lib/binary/closure.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const elf = (...needed: string[]) => makeElf({ interpreter: LOADER, needed });
const base: Tree = {
  [LOADER]: Buffer.concat([makeElf(), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]),
  '/lib/sys/libc.so.6': makeElf(),
  '/lib/sys/libperl.so': makeElf(),
  '/usr/bin/env': elf('libc.so.6'),
  '/usr/bin/perl': elf('libperl.so', 'libc.so.6'),
  '/opt/bin/tool': elf('libc.so.6'),
  '/bin/sh': elf('libc.so.6'),
};
const resolve = (tree: Tree, program = '/s', path?: string) =>
  resolveProgram(memoryRoot({ ...base, ...tree }), bytePath(program), {
    hasProc: true,
    ...(path !== undefined && { path }),
  });
const script = (line: string) => resolve({ '/s': `#!${line}\n` });
const paths = ({ files }: Closure): string[] => files.map(({ path }) => path);

t.test('a script by way of env needs env, the command, and the libraries of both', async (t) => {
  const closure = script('/usr/bin/env perl');
  t.same(paths(closure), [
    '/s',
    '/usr/bin/env',
    LOADER,
    '/lib/sys/libc.so.6',
    '/usr/bin/perl',
    '/lib/sys/libperl.so',
  ]);
  t.match(
    closure.files.filter(({ role }) => role !== 'library'),
    [
      { path: '/s', role: 'program' },
      { path: '/usr/bin/env', role: 'script-interpreter', neededBy: '/s', as: '/usr/bin/env perl' },
      { path: LOADER, role: 'elf-interpreter', neededBy: '/usr/bin/env' },
      { path: '/usr/bin/perl', role: 'command', neededBy: '/s', as: '/usr/bin/env perl' },
    ],
  );
  t.same(closure.missing, []);
});

t.test('a command that is not there is missing, and env is needed all the same', async (t) => {
  const closure = script('/usr/bin/env python3');
  t.match(closure.missing, [
    {
      path: 'python3',
      role: 'command',
      neededBy: '/s',
      as: '/usr/bin/env python3',
      reason: 'absent',
      message: 'it is in none of the directories of PATH (/usr/local/bin:/usr/bin:/bin)',
    },
  ]);
  t.same(paths(closure), ['/s', '/usr/bin/env', LOADER, '/lib/sys/libc.so.6']);
  t.match(script('/usr/bin/env perl -w').missing, [{ path: 'perl -w', message: /only with -S/ }]);
  t.match(script('/usr/bin/nope perl').missing, [{ path: '/usr/bin/nope', role: 'script-interpreter' }]);
});

t.test('libraries of the command that are missing are named with it', async (t) => {
  const closure = resolve({ '/s': '#!/usr/bin/env x\n', '/usr/bin/x': elf('libx.so') });
  t.match(closure.missing, [{ path: 'libx.so', role: 'library', neededBy: '/usr/bin/x' }]);
});

t.test('PATH is that of the options, and what -S makes of it', async (t) => {
  const tree = { '/s': '#!/usr/bin/env tool\n', '/t': '#!/usr/bin/env -S PATH=/opt/bin tool\n' };
  t.match(resolve(tree).missing, [{ path: 'tool' }]);
  t.same(resolve(tree, '/s', '/opt/bin').missing, []);
  t.ok(paths(resolve(tree, '/t')).includes('/opt/bin/tool'));
});

t.test('env by another name is no env, and as a link to another program it is', async (t) => {
  const tree = { '/bin/coreutils': elf('libc.so.6'), '/bin/env': { link: 'coreutils' } };
  t.ok(paths(resolve({ ...tree, '/s': '#!/bin/env perl\n' })).includes('/usr/bin/perl'));
  t.notOk(paths(resolve({ ...tree, '/s': '#!/bin/coreutils perl\n' })).includes('/usr/bin/perl'));
});

t.test('the command may be a script again, with env or without', async (t) => {
  const closure = resolve({
    '/s': '#!/usr/bin/env -S PATH=/a:/usr/bin one -x\n',
    '/a/one': '#!/usr/bin/env two\n',
    '/a/two': '#!/bin/sh -e\n',
  });
  t.same(
    closure.files
      .filter(({ role }) => role !== 'library')
      .map(({ path, neededBy }) => `${path} ${neededBy ?? ''}`),
    ['/s ', '/usr/bin/env /s', `${LOADER} /usr/bin/env`, '/a/one /s', '/a/two /a/one', '/bin/sh /a/two'],
  );
  t.same(closure.missing, []);
});

t.test('env can start env', async (t) => {
  t.ok(paths(script('/usr/bin/env -S env -u X perl')).includes('/usr/bin/perl'));
  t.ok(paths(script('/usr/bin/env -S env PATH=/opt/bin:/usr/bin env tool')).includes('/opt/bin/tool'));
});

t.test('a command that is no program is run by the shell', async (t) => {
  const closure = resolve({ '/s': '#!/usr/bin/env x\n', '/usr/bin/x': 'echo x\n' });
  t.match(closure.files.at(-1), { path: '/bin/sh', role: 'script-interpreter', neededBy: '/usr/bin/x' });
  t.same(closure.missing, []);
  t.match(resolve({ '/s': 'echo\n' }).missing, [{ reason: 'no-interpreter' }], 'a program is not');
});

t.test('a line that env would refuse is missing with its reason', async (t) => {
  t.match(script('/usr/bin/env -i perl').missing, [
    { path: '-i perl', role: 'command', reason: 'no-command', message: /^env cannot start it: .* only -S/ },
  ]);
  t.match(script('/usr/bin/env -S ${HOME}/x').missing, [
    { path: '-S ${HOME}/x', reason: 'unknown-command', message: /HOME/ },
  ]);
});

t.test('env by itself, or told to print, is all', async (t) => {
  t.same(resolve({}, '/usr/bin/env').missing, []);
  t.same(script('/usr/bin/env --version').missing, []);
});

t.test('scripts that start themselves without end end here', async (t) => {
  for (const line of ['/usr/bin/env', '/usr/bin/env A=1', '/usr/bin/env -S -i', '/usr/bin/env -S /s']) {
    const closure = script(line);
    t.match(closure.missing, [{ reason: 'too-deep', path: '/s' }], line);
    t.same(paths(closure), ['/s', '/usr/bin/env', LOADER, '/lib/sys/libc.so.6'], line);
  }
});

const LINES = [
  '/usr/bin/env tool',
  '/usr/bin/env -S tool "x y" #',
  '/usr/bin/env -S PATH=BIN/b tool',
  '/usr/bin/env -S -i PATH=BIN/b tool',
  '/usr/bin/env -S -i BIN/plain',
  '/usr/bin/env -S -u PATH tool',
  '/usr/bin/env -vS tool',
  '/usr/bin/env again',
  '/usr/bin/env tool -x',
  '/usr/bin/env nope',
];

function makeScripts(t: Test): string {
  const directory = t.testdir({ a: {}, b: {} });
  const write = (path: string, text: string) => {
    writeFileSync(`${directory}/${path}`, text);
    chmodSync(`${directory}/${path}`, 0o755);
  };
  write('a/tool', '#!/bin/sh\necho "$0"\n');
  write('b/tool', '#!/bin/sh\necho "$0"\n');
  write('a/again', `#!/usr/bin/env -S PATH=${directory}/b tool\n`);
  write('plain', 'echo "$0"\n');
  for (const [index, line] of LINES.entries()) write(`s${index}`, `#!${line.replaceAll('BIN', directory)}\n`);
  return directory;
}

const version = spawnSync('env', ['--version'], { encoding: 'utf8' }).stdout ?? '';

t.test(
  'the answer ends in the file that the kernel and env run',
  { skip: !version.includes('GNU coreutils') && "env is not GNU's" },
  async (t) => {
    const directory = makeScripts(t);
    mkdirSync(`${directory}/empty`);
    const path = `${directory}/empty:${directory}/a:/usr/bin:/bin`;
    const root = openFileRoot('/');
    t.teardown(() => root.close());
    const resolver = openResolver(root, { path });
    for (const [index, line] of LINES.entries()) {
      const program = `${directory}/s${index}`;
      const { stdout, status } = spawnSync(program, { env: { PATH: path }, encoding: 'utf8' });
      const { files, missing } = resolver.resolve(bytePath(program));
      if (status !== 0) t.equal(missing[0]?.role, 'command', line);
      else {
        t.same(missing, [], line);
        const commands = files.filter(({ role }) => role === 'command');
        t.equal(
          commands.at(-1)?.path.replace('/./', '/'),
          stdout.trim().replace(/^\.\//, `${directory}/`),
          line,
        );
      }
    }
  },
);
