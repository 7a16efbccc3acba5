import { spawnSync } from 'node:child_process';

import t from 'tap';

import { parseEnv } from '../../lib/binary/env.ts';
import { bytePath } from '../../lib/tree/path.ts';

const PATH = '/usr/bin:/bin';
const parse = (...args: string[]) =>
  parseEnv(
    args.map((text) => ({ text: bytePath(text) })),
    bytePath(PATH),
  );
const texts = (words: readonly { readonly text: string }[]) => words.map(({ text }) => text);

t.test('without -S the whole argument is the name of the command', async (t) => {
  t.match(parse('perl', '/s'), { kind: 'command', command: 'perl', args: [{ text: '/s' }], path: PATH });
  t.match(parse('perl -w', '/s'), { command: 'perl -w' });
});

const split: Readonly<Record<string, readonly string[]>> = {
  '-S perl -w': ['perl', '-w', '/s'],
  '-Sperl': ['perl', '/s'],
  '-vS perl': ['perl', '/s'],
  '-ivSperl -w': ['perl', '-w', '/s'],
  '--split-string=perl -w': ['perl', '-w', '/s'],
  '-S -i perl': ['perl', '/s'],
  '-S -u HOME -uTERM -- perl': ['perl', '/s'],
  '-S A=1 B="2 3" perl A=1': ['perl', 'A=1', '/s'],
  '-S -S "perl -w" -T': ['perl', '-w', '-T', '/s'],
  '-S --block-signal=PIPE --default-signal --ignore-signal=INT perl': ['perl', '/s'],
  '-S -a zero perl': ['perl', '/s'],
  '-S --chdir /tmp perl': ['perl', '/s'],
  '-S - perl': ['perl', '/s'],
  '-S -i -u "" perl': ['perl', '/s'],
  '-S A=${HOME} perl ${HOME}': ['perl', '', '/s'],
};

t.test('-S splits, and options and assignments come before the command', async (t) => {
  for (const [argument, expected] of Object.entries(split)) {
    const call = parse(argument, '/s');
    if (call.kind === 'command') t.same([call.command, ...texts(call.args)], expected, argument);
    else t.fail(argument, call);
  }
});

t.test('the script itself is the command if nothing else is', async (t) => {
  t.match(parse('/s'), { command: '/s', args: [] });
  t.match(parse('A=1', '/s'), { command: '/s' });
  t.match(parse('-S -i', '/s'), { command: '/s', path: undefined });
});

t.test('what changes PATH changes where the command is looked up', async (t) => {
  const pathOf = (argument: string) => {
    const call = parse(argument, '/s');
    return call.kind === 'command' ? call.path : call;
  };
  t.equal(pathOf('-S PATH=/opt:${PATH} perl'), `/opt:${PATH}`);
  t.equal(pathOf('-S PATH=/a PATH=/b perl'), '/b');
  t.equal(pathOf('-S PATH= perl'), '');
  t.equal(pathOf('-S -i perl'), undefined);
  t.equal(pathOf('-S - perl'), undefined);
  t.equal(pathOf('-S -uPATH perl'), undefined);
  t.equal(pathOf('-S -i PATH=/a perl'), '/a');
  t.equal(pathOf('-S XPATH=/a perl'), PATH);
});

t.test('-C says where the command starts', async (t) => {
  t.match(parse('-S -C /opt perl', '/s'), { command: 'perl', directory: '/opt' });
  t.match(parse('-S -C /opt --chdir=/srv perl', '/s'), { directory: '/srv' });
});

const failures = [
  '-i perl',
  '-x',
  '-S perl "',
  '--nope',
  '--i perl',
  '--debug=1',
  '-S -C',
  '-S -0 perl',
  '-S -u "" perl',
  '-S --unset=A=B perl',
];

t.test('what env refuses is a failure that says why', async (t) => {
  for (const argument of failures)
    t.match(parse(argument, '/s'), { kind: 'failure', message: /./ }, argument);
  t.match(parse('-i perl', '/s'), { message: /only -S/ });
  t.match(parse('-u'), { kind: 'failure' }, 'a value that does not come');
});

t.test('help, version and an environment to print start nothing', async (t) => {
  for (const args of [[], ['-i'], ['A=1'], ['--help', 'perl'], ['--version', 'perl'], ['-0']])
    t.match(parse(...args), { kind: 'nothing' }, args.join(' '));
});

t.test('a command that depends on a variable is not known', async (t) => {
  for (const argument of [
    '-S ${HOME}/x',
    '-S ${X} perl',
    '-S -C ${X} perl',
    '-S PATH=${X} perl',
    '-S -u${X} perl',
  ])
    t.match(parse(argument, '/s'), { kind: 'unknown', variable: /^(HOME|X)$/ }, argument);
});

t.test('a PATH that brings itself along ends', async (t) => {
  t.match(parseEnv([{ text: bytePath('-S${PATH}') }], bytePath('-S${PATH}')), {
    kind: 'failure',
    message: /too often/,
  });
});

const version = spawnSync('env', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const skip = !/GNU coreutils\) 9\.([5-9]|\d\d)/.test(version) && 'env is none of the GNU coreutils 9.5';

t.test('GNU env agrees on what can be started', { skip }, async (t) => {
  for (const argument of [...Object.keys(split), ...failures]) {
    const asked = argument.replaceAll('perl', '/bin/echo').replace('-C /opt', '-C /');
    const { status } = spawnSync('/usr/bin/env', [asked, '/s'], { env: { PATH } });
    const refused = status === 125;
    t.equal(refused, parse(argument, '/s').kind === 'failure', `${argument}: status ${status}`);
  }
});
