import { spawnSync } from 'node:child_process';

import t from 'tap';

import { parseEnv } from '../../lib/binary/env.ts';
import { bytePath } from '../../lib/tree/path.ts';

const PATH = '/usr/bin:/bin';
const parse = (...args: string[]) => parseEnv(args.map(bytePath), bytePath(PATH));

t.test('without -S the whole argument is the name of the command', async (t) => {
  t.match(parse('perl', '/s'), { kind: 'command', command: 'perl', args: ['/s'], path: PATH });
  t.match(parse('perl -w', '/s'), { command: 'perl -w' });
});

const started: Readonly<Record<string, readonly string[]>> = {
  '-S perl -w': ['perl', '-w', '/s'],
  '-Sperl': ['perl', '/s'],
  '-vS perl': ['perl', '/s'],
  '-ivSperl -w': ['perl', '-w', '/s'],
  '-S -i perl': ['perl', '/s'],
  '-S -u HOME A=1 perl A=1': ['perl', 'A=1', '/s'],
  '-S - perl': ['perl', '/s'],
  '-S -S perl -T': ['perl', '-T', '/s'],
  '-S perl "a b"': ['perl', '"a', 'b"', '/s'],
  '/s': ['/s', '/s'],
  'A=1': ['/s'],
};

t.test('options and assignments come before the command, and -S splits', async (t) => {
  for (const [argument, expected] of Object.entries(started)) {
    const call = parse(argument, '/s');
    t.same(call.kind === 'command' && [call.command, ...call.args], expected, argument);
  }
});

t.test('an assignment to PATH changes where the command is looked up', async (t) => {
  for (const [argument, path] of [
    ['-S PATH=/a PATH=/b perl', '/b'],
    ['-S PATH= perl', ''],
    ['-S -i perl', undefined],
    ['-iSperl', undefined],
    ['-S - perl', undefined],
    ['-S -u PATH perl', undefined],
    ['-S -i PATH=/a perl', '/a'],
    ['-S XPATH=/a perl', PATH],
  ] as const)
    t.match(parse(argument, '/s'), { command: 'perl', path }, argument);
});

const unknown = [
  '-S ${HOME}/x',
  '-S PATH=${X} perl',
  '-S "my perl"',
  '-S -C /opt perl',
  '-S --chdir=/ perl',
  '-x',
];

t.test('a command that the line alone does not tell may be anything', async (t) => {
  for (const argument of unknown) t.match(parse(argument, '/s'), { kind: 'unknown', by: /./ }, argument);
});

t.test('options that need -S are a failure', async (t) => {
  t.match(parse('-i perl', '/s'), { kind: 'failure', message: /only -S/ });
});

t.test('help, version and an environment to print start nothing', async (t) => {
  for (const args of [[], ['-i'], ['A=1'], ['--help', 'perl'], ['--version', 'perl'], ['-0']])
    t.match(parse(...args), { kind: 'nothing' }, args.join(' '));
});

const version = spawnSync('env', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const skip = !version.includes('GNU coreutils') && 'env is none of the GNU coreutils';

t.test('GNU env starts the same', { skip }, async (t) => {
  for (const argument of Object.keys(started).filter((line) => line.includes('perl'))) {
    const asked = argument.replaceAll('perl', '/bin/echo').replace(' -w', ' w').replace(' -T', ' T');
    const { status, stdout } = spawnSync('/usr/bin/env', [asked, '/s'], { env: { PATH }, encoding: 'utf8' });
    t.match({ status, stdout }, { status: 0, stdout: /\/s\n$/ }, argument);
  }
  t.equal(spawnSync('/usr/bin/env', ['-i perl', '/s']).status, 125);
});
