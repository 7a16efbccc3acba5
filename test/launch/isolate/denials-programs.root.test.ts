// Real programs that fail in a poor jail run once the options are added that the report of denials names.
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { readArguments } from '../../../lib/bin/arguments.ts';
import { launchOptions, requestKeys } from '../../../lib/bin/uchroot-options.ts';
import { type Denied, type LaunchRequest, runInJail } from '../../../lib/index.ts';
import { rootTest, start, temporaryDirectory, uchroot } from '../../support/launch.ts';

const test = rootTest('python3');

// Programs and libraries of the host, and nothing that they read.
const trees = ['/usr/bin', '/lib64', '/usr/lib/x86_64-linux-gnu'];

interface World {
  readonly jail: string;
  readonly host: string;
}

function makeWorld(): World {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const [jail, host] = [`${directory}/jail`, `${directory}/host`];
  for (const name of ['dev', 'etc', 'proc', 'tmp', 'usr/bin', 'usr/lib/x86_64-linux-gnu', 'lib64'])
    mkdirSync(`${jail}/${name}`, { recursive: true });
  // a jail without them is another mistake, told by the launch
  for (const name of ['bin', 'lib']) start(['ln', '-s', `usr/${name}`, `${jail}/${name}`]);
  mkdirSync(host);
  writeFileSync(`${host}/print.awk`, 'BEGIN { print "done" }\n');
  writeFileSync(`${host}/Makefile`, 'all:\n\t@echo done\n');
  start(['sqlite3', `${host}/data.db`, "create table t (x); insert into t values ('done');"]);
  return { jail, host };
}

const sh = (script: string): readonly string[] => ['/usr/bin/bash', '-c', script];

const programs = (host: string): Readonly<Record<string, readonly string[]>> => ({
  python3: ['/usr/bin/python3', '-c', 'import json, decimal; print(json.loads("\\"done\\""))'],
  perl: ['/usr/bin/perl', '-e', 'use Text::Wrap; print "done\\n"'],
  git: sh('cd /tmp && git init -q r && cd r && git submodule status && echo done'),
  curl: sh(`curl -sf file://${host}/Makefile >/tmp/x && echo done`),
  openssl: sh(
    'openssl req -x509 -nodes -newkey rsa:1024 -subj /CN=x -keyout /tmp/k -out /tmp/c 2>&1 && echo done',
  ),
  sqlite3: ['/usr/bin/sqlite3', '-readonly', `${host}/data.db`, 'select x from t'],
  tar: sh(`tar -cf /dev/null -C ${host} print.awk && echo done`),
  gcc: sh('echo "#include <stdio.h>\nint main(void) { puts(\\"done\\"); }" | gcc -x c -o /tmp/a - && /tmp/a'),
  node: ['/usr/bin/node', '-e', `require('fs').readFileSync('${host}/Makefile'); console.log('done')`],
  awk: sh(`awk -f ${host}/print.awk`),
  make: ['/usr/bin/make', '-s', '-f', `${host}/Makefile`],
});

const asOptions = (denied: readonly Denied[]): readonly string[] =>
  denied.flatMap(({ option }) => (option === undefined || option.includes('=N') ? [] : [option]));

// The request that these lines make, as the command makes it.
function requestOf(options: ReadonlySet<string>): Partial<LaunchRequest> {
  const argv = [...options]
    .flatMap((line) => line.split(' '))
    .map((text) => ({ text, bytes: Buffer.from(text) }));
  return requestKeys(readArguments(argv, launchOptions()).options);
}

async function follow(world: World, [program = '', ...args]: readonly string[]) {
  const options = new Set([...trees.map((tree) => `--ro-bind ${tree}`), '--tmpfs /tmp']);
  const ends: string[] = [];
  for (let round = 0; round <= 3; round++) {
    const {
      stdout,
      stderr,
      denied = [],
    } = await runInJail({
      user: 'nobody',
      jail: world.jail,
      isolate: true,
      // so that a bind finds a place for its mount
      ephemeral: true,
      reportDenials: true,
      reject: false,
      program,
      args,
      ...requestOf(options),
    });
    ends.push(
      `${stdout}${stderr} ${JSON.stringify(denied.map(({ path, call, option }) => [path ?? call, option]))}`,
    );
    if (stdout.endsWith('done\n') || stdout === 'done') return { isDone: true, round, ends };
    for (const option of asOptions(denied)) options.add(option);
  }
  return { isDone: false, round: 4, ends };
}

test('ten programs run after the lines of their reports', async (t) => {
  const world = makeWorld();
  const all = Object.entries(programs(world.host)).filter(([name]) => existsSync(`/usr/bin/${name}`));
  t.ok(all.length >= 10, 'ten of them are installed');
  for (const [name, words] of all) {
    const { isDone, round, ends } = await follow(world, words);
    t.ok(isDone, name, { ends });
    t.ok(round > 0, `${name} fails without them`, { ends });
  }
});

test('the command tells the lines', async (t) => {
  const { jail, host } = makeWorld();
  const words = [
    '--isolate',
    '--report-denials',
    '--dev',
    '/dev',
    ...trees.flatMap((tree) => ['--ro-bind', tree]),
  ];
  const told = uchroot([
    ...words,
    'nobody',
    jail,
    '/usr/bin/perl',
    '-e',
    `open F, '${host}/Makefile' for 1, 2`,
  ]);
  t.equal(told.status, 0, told.stderr);
  t.match(
    told.stderr,
    `uchroot: warning: the program did not find ${host}/Makefile: it is not in the jail (2 times)\n` +
      `hint: uchroot-jail build ${jail} --copy ${host}/Makefile, or mkdir -p ${jail}${host} && touch ${jail}${host}/Makefile, and then --ro-bind ${host}/Makefile\n`,
  );
  const [, place = '', option = ''] = /Makefile, or (mkdir .*), and then (.*)\n/.exec(told.stderr) ?? [];
  t.equal(start(['sh', '-c', place]).status, 0);
  const cat = (...binds: readonly string[]) =>
    uchroot([...words, ...binds, 'nobody', jail, '/usr/bin/cat', `${host}/Makefile`]);
  t.match(cat(...option.split(' ')).stdout, 'done', 'the place, and then the option');
});

test('the hint for a place that is missing makes it in the jail, also behind an absolute link', async (t) => {
  const { jail, host } = makeWorld();
  symlinkSync('/etc', `${jail}/alias`);
  const words = ['--isolate', ...trees.flatMap((tree) => ['--ro-bind', tree])];
  const see = () =>
    uchroot([
      ...words,
      '--ro-bind',
      `${host}/Makefile:/alias/uchroot-made`,
      'nobody',
      jail,
      '/usr/bin/cat',
      '/alias/uchroot-made',
    ]);
  const [, hint = ''] = /\nhint: (.*)\n/.exec(see().stderr) ?? [];
  t.equal(hint, `mkdir -p ${jail}/etc && touch ${jail}/etc/uchroot-made`);
  t.equal(start(['sh', '-c', hint]).status, 0);
  t.match(see(), { status: 0, stdout: /done/ });
});
