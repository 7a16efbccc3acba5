import { bothWays, makeJail, oddCaller, putFile, rootTest, uchroot } from '../support/launch.ts';
import { decode, probe, readState } from '../support/probe.ts';
import { hostilePreload } from '../support/sanitizer.ts';

const test = bothWays();
const jail = makeJail();

function argumentsOf(words: readonly string[], options: readonly string[] = []): readonly string[] {
  const ended = uchroot([...options, 'nobody', jail, '/probe', 'state', ...words], { by: oddCaller() });
  return readState(ended).argv.slice(2).map(decode);
}

// The entries of the program's environment, as latin1.
function environment(options: readonly string[], ...words: readonly string[]): readonly string[] {
  return probe(jail, options, { by: oddCaller(...words) }).env.map(decode);
}

const defaults = [
  'PATH=/usr/local/bin:/usr/bin:/bin',
  'HOME=/nonexistent',
  'USER=nobody',
  'LOGNAME=nobody',
  'SHELL=/usr/sbin/nologin',
];

test('arguments reach the program byte for byte, also when they are not UTF-8', async (t) => {
  t.same(
    argumentsOf(['hex:ff', 'hex:c3a4', 'hex:c3', 'hex:610aff', 'hex:efbfbd', 'a b', "'", '"$x`', '\\']),
    ['\xff', '\xc3\xa4', '\xc3', 'a\n\xff', '\xef\xbf\xbd', 'a b', "'", '"$x`', '\\'],
  );
});

test('empty arguments are arguments', async (t) => {
  t.same(argumentsOf(['', 'x', '', '']), ['', 'x', '', '']);
  t.same(argumentsOf(['', 'hex:ff', '']), ['', '\xff', '']);
});

test("nothing is eaten from the program's arguments", async (t) => {
  const words = ['--help', '--version', '--plan', '-x', '--', '--umask', '000', '-'];
  t.same(argumentsOf(words), words);
});

test('-- ends the options', async (t) => {
  const ended = uchroot(['--clear-groups', '--', 'nobody', jail, '/probe', '--', 'x']);
  t.same(readState(ended).argv.map(decode), ['/probe', '--', 'x']);
});

function first(options: readonly string[], program = '/probe'): string {
  return decode(readState(uchroot([...options, 'nobody', jail, program], { by: oddCaller() })).argv[0] ?? '');
}

test('argv[0] is the program as given, or what --argv0 says, byte for byte', async (t) => {
  t.equal(first([]), '/probe');
  t.equal(first([], './probe'), './probe');
  t.equal(first([], 'probe'), 'probe', 'relative to the working directory, and PATH is not searched');
  t.equal(first(['--argv0', '-probe']), '-probe');
  t.equal(first(['--argv0', 'hex:ff01']), '\xff\x01');
  t.equal(first(['--argv0', '']), '');
  t.equal(first(['--argv0=']), '');
});

test('values of variables reach the program byte for byte', async (t) => {
  const found = environment(
    ['--setenv', 'hex:583dff3d00', '--setenv', 'Y=', '--setenv=Z=a=b'],
    'env=hex:5445524d3dfe',
  );
  t.ok(found.includes('X=\xff='));
  t.ok(found.includes('Y='));
  t.ok(found.includes('Z=a=b'));
  t.ok(found.includes('TERM=\xfe'));
});

test('the environment is built: loader and interpreter variables of the caller are not in it', async (t) => {
  const found = environment(
    [],
    `env=${hostilePreload}`,
    'env=LD_LIBRARY_PATH=/nowhere',
    'env=NODE_OPTIONS=--no-warnings',
    'env=BASH_ENV=/nowhere',
    'env=BASH_FUNC_ls%%=() { :; }',
    'env=SECRET=1',
    'env=TERM=xterm',
    'env=LC_ALL=C',
    'env=TZ=UTC',
  );
  t.same(found.toSorted(), [...defaults, 'TERM=xterm', 'LC_ALL=C', 'TZ=UTC'].toSorted());
});

test('entries without = and a second PATH are not in it', async (t) => {
  const odd = ['env=entry', 'env==x', 'env=', 'env=PATH=/second', 'env=LANG=first', 'env=LANG=second'];
  t.same(environment([], ...odd).toSorted(), [...defaults, 'LANG=first'].toSorted());
  const kept = environment(['--keep-env'], ...odd);
  t.same(
    kept.filter((entry) => !entry.includes('=') || entry.startsWith('=')),
    [],
  );
  t.equal(kept.filter((entry) => entry.startsWith('PATH=')).length, 1);
});

test("--keep-env keeps the caller's variables, less those of loaders and interpreters", async (t) => {
  const found = environment(
    ['--keep-env'],
    'env=SECRET=hex',
    `env=${hostilePreload}`,
    'env=LD_AUDIT=/nowhere.so',
    'env=GLIBC_TUNABLES=x',
    'env=NODE_OPTIONS=--no-warnings',
    'env=PYTHONPATH=/nowhere',
    'env=PERL5LIB=/nowhere',
    'env=IFS=x',
    'env=HOME=/root',
    'env=USER=root',
    'env=hex:4f4444ff3dff',
  );
  t.ok(found.includes('SECRET=hex'));
  t.ok(found.includes('ODD\xff=\xff'));
  t.ok(found.includes('HOME=/nonexistent'));
  t.ok(found.includes('USER=nobody'));
  const unwanted = /^(LD_PRELOAD|LD_AUDIT|GLIBC_TUNABLES|NODE_OPTIONS|PYTHONPATH|PERL5LIB|IFS)=/;
  t.same(
    found.filter((entry) => unwanted.test(entry)),
    [],
  );
});

test('a name that is not UTF-8 is refused by --setenv and --unsetenv, and not changed', async (t) => {
  for (const option of ['--setenv=hex:c3413d31', '--unsetenv=hex:c341'] as const) {
    const [name = '', bytes = ''] = option.split('=');
    const { status, stderr } = uchroot([name, bytes, 'nobody', jail, '/probe'], { by: oddCaller() });
    t.equal(status, 1);
    t.match(
      stderr,
      new RegExp(
        `^uchroot: ${name} must be the name of a variable in UTF-8, not '\\\\xc3A'\\nhint: [^\\n]*--keep-env\\n`,
      ),
    );
  }
  t.ok(environment(['--setenv', 'hex:c3a43d31']).includes('\xc3\xa4=1'), 'one that is comes through');
});

test('--unsetenv leaves a variable out, also a default one', async (t) => {
  t.same(
    environment(['--unsetenv', 'HOME', '--unsetenv=SHELL', '--unsetenv', 'NOTHING']).length,
    defaults.length - 2,
  );
  t.ok(
    environment(['--unsetenv', 'PATH', '--setenv', 'PATH=/own']).includes('PATH=/own'),
    'the last word counts',
  );
});

const manyArguments = Array.from({ length: 30 }, () => 'fill:100000');

test('3 MB of arguments are too long for the soft stack limit: one clear line', async (t) => {
  const ended = uchroot(['nobody', jail, '/probe', 'state', ...manyArguments], { by: oddCaller('stack') });
  t.equal(ended.status, 126);
  t.equal(ended.stdout, '');
  t.match(
    ended.stderr,
    /^uchroot: execve: \/probe: the arguments and the environment are too long(: 30\d{5} bytes)?\nhint: [^\n]*--rlimit stack=BYTES\n$/,
  );
});

test('3 MB of arguments reach the program with a stack limit that has room for them', async (t) => {
  const options = ['--rlimit', 'stack=33554432:unlimited'];
  const ended = uchroot([...options, 'nobody', jail, '/probe', 'state', ...manyArguments], {
    by: oddCaller('stack'),
  });
  t.equal(readState(ended).argv.length, 2 + manyArguments.length);
});

rootTest()('a text file without #! is refused, not handed to /bin/sh (execvp)', async (t) => {
  putFile(`${jail}/text`, '/probe mark /tmp/shell\n', 0o755);
  putFile(`${jail}/empty`, '', 0o755);
  const text = uchroot(['nobody', jail, '/text']);
  t.equal(text.status, 126);
  t.match(
    text.stderr,
    /^uchroot: execve: \/text: neither an ELF program nor a script with a #! line\nhint: [^\n]*\n$/,
  );
  const empty = uchroot(['nobody', jail, '/empty']);
  t.equal(empty.status, 126);
  t.equal(
    empty.stderr,
    'uchroot: execve: /empty: the file is empty\nhint: copy it again from where it came\n',
  );
});

test('a script with #! is handed to its interpreter with its arguments', async (t) => {
  putFile(`${jail}/script`, '#!/probe state\n', 0o755);
  const ended = uchroot(['nobody', jail, '/script', 'hex:ff'], { by: oddCaller() });
  t.same(readState(ended).argv.map(decode), ['/probe', 'state', '/script', '\xff']);
});

test('the path of a jail, a program and a working directory may be any bytes', async (t) => {
  const ended = uchroot(['--chdir', 'hex:2f646972ff', 'nobody', jail, '/probe'], { by: oddCaller() });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: chdir: \/dir\\xff: [^\n]*\nhint: [^\n]*\n$/);
  const program = uchroot(['nobody', jail, 'hex:2f70ff'], { by: oddCaller() });
  t.equal(program.status, 127);
  t.match(program.stderr, /^uchroot: (execve: )?\/p\\xff: not found in the jail[^\n]*\nhint: [^\n]*\n$/);
});
