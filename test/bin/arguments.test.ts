import { spawnSync } from 'node:child_process';

import * as fc from 'fast-check';
import t from 'tap';

import { readArguments, readMixed, type ReadArguments } from '../../lib/bin/arguments.ts';
import { option, type Argument } from '../../lib/values/command-option.ts';
import '../support/plain-spawn.ts';

const known = ['--groups G1,G2', '--chdir DIR', '--plan', '--keep-env'].map((spelling) =>
  option(spelling, ''),
);

function toArgument(bytes: Buffer): Argument {
  return { text: bytes.toString(), bytes };
}

function read(...words: readonly string[]): ReadArguments {
  return readArguments(
    words.map((word) => toArgument(Buffer.from(word))),
    known,
  );
}

function words({ options, operands }: ReadArguments): readonly (readonly string[] | string)[] {
  return [...options.map(([name, { text }]) => [name, text]), ...operands.map(({ text }) => text)];
}

t.test('options come before operands, and each keeps its value', async (t) => {
  t.same(words(read('--groups', 'a,b', '--keep-env', '--chdir=/x', 'sam', '/jail')), [
    ['groups', 'a,b'],
    ['keep-env', ''],
    ['chdir', '/x'],
    'sam',
    '/jail',
  ]);
});

t.test('nothing after the first operand is an option', async (t) => {
  t.same(words(read('sam', '--keep-env', '--', '--unknown', '-l')), [
    'sam',
    '--keep-env',
    '--',
    '--unknown',
    '-l',
  ]);
});

t.test('-- ends the options, and only the first one', async (t) => {
  t.same(words(read('--', '--keep-env', '--')), ['--keep-env', '--']);
  t.same(words(read('--')), []);
});

t.test('a single dash is an operand', async (t) => {
  t.same(words(read('-', '--keep-env')), ['-', '--keep-env']);
});

t.test('a value may be empty, begin with a dash or hold an =', async (t) => {
  t.same(words(read('--groups=', '--chdir', '--keep-env', '--groups=a=b')), [
    ['groups', ''],
    ['chdir', '--keep-env'],
    ['groups', 'a=b'],
  ]);
});

t.test('an unknown option is an error that names the right one', async (t) => {
  t.throws(() => read('--gruops', 'x'), {
    message: 'unknown option --gruops',
    hint: 'did you mean --groups?',
  });
  t.throws(() => read('--keepenv'), {
    message: 'unknown option --keepenv',
    hint: 'did you mean --keep-env?',
  });
  t.throws(() => read('--something-else'), {
    name: 'UsageError',
    message: 'unknown option --something-else',
  });
});

t.test('an option has two dashes', async (t) => {
  for (const word of ['-l', '-keep-env', '-g', '---keep-env'])
    t.throws(() => read(word), { message: `unknown option ${word}` });
});

t.test('names that every object has are no options', async (t) => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.throws(() => read(`--${name}`), { message: `unknown option --${name}` });
  }
});

t.test('a flag takes no value, and a value must not be missing', async (t) => {
  t.throws(() => read('--keep-env=yes'), { message: 'option --keep-env takes no value' });
  t.throws(() => read('--groups'), { message: 'option --groups needs a value' });
});

t.test('what follows -- reaches the program byte for byte', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (arrays) => {
        const rest = arrays.map((array) => toArgument(Buffer.from(array)));
        const { operands } = readArguments([toArgument(Buffer.from('--')), ...rest], known);
        return operands.length === rest.length && operands.every(({ bytes }, i) => bytes === rest[i]?.bytes);
      }),
    ),
  );
});

t.test('the value of an option keeps bytes that are no UTF-8', async (t) => {
  const bytes = Buffer.from('--chdir=/\xff=\xfe', 'latin1');
  const [option] = readArguments([toArgument(bytes)], known).options;
  t.same(option?.[1].bytes, Buffer.from('/\xff=\xfe', 'latin1'));
});

// Uses sh, because Node passes only UTF-8 arguments to a child.
function argumentsOf(...octal: readonly string[]): readonly string[] {
  const script = `import { commandArguments } from ${JSON.stringify(import.meta.resolve('../../lib/bin/arguments.js'))};
    console.log(JSON.stringify(commandArguments().map(({ bytes }) => bytes.toString('latin1'))));`;
  const inShell = `exec "$0" --input-type=module -e "$1" script ${octal.map((word) => `"$(printf '${word}')"`).join(' ')}`;
  const run = spawnSync('sh', ['-c', inShell, process.execPath, script], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as readonly string[];
}

t.test('the command’s arguments are read byte for byte', async (t) => {
  t.same(argumentsOf(String.raw`\377\n\303`, '', String.raw`\303\251`, 'x'), [
    '\xff\n\xc3',
    '',
    '\xc3\xa9',
    'x',
  ]);
  t.same(argumentsOf('x', String.raw`\303\251`), ['x', '\xc3\xa9']);
  t.same(argumentsOf(String.raw`\357\277\275`), ['\xef\xbf\xbd']);
});

function mixed(...all: readonly string[]): ReadArguments {
  return readMixed(
    all.map((word) => toArgument(Buffer.from(word))),
    known,
  );
}

t.test('where no program is started, options may stand anywhere before --', async (t) => {
  t.same(words(mixed('jail', '--groups', 'a', 'bash', '--keep-env', 'ls', '--chdir=/x')), [
    ['groups', 'a'],
    ['keep-env', ''],
    ['chdir', '/x'],
    'jail',
    'bash',
    'ls',
  ]);
  t.same(words(mixed('jail', '--', '--keep-env', '--', 'x')), ['jail', '--keep-env', '--', 'x']);
  t.same(words(mixed('-', '--keep-env', '-')), [['keep-env', ''], '-', '-']);
  t.same(words(mixed()), []);
  t.same(words(mixed('--')), []);
});

t.test('an option after an operand is checked as well', async (t) => {
  t.throws(() => mixed('jail', '--keep-evn'), {
    name: 'UsageError',
    message: 'unknown option --keep-evn',
    hint: 'did you mean --keep-env?',
  });
  t.throws(() => mixed('jail', '--groups'), { message: 'option --groups needs a value' });
  t.throws(() => mixed('jail', '--groups', '--', 'x'), { message: 'option --groups needs a value' });
  t.throws(() => mixed('jail', '--keep-env=1'), { message: 'option --keep-env takes no value' });
});

t.test('operands and values are told apart as if the options came first', async (t) => {
  const word = fc.constantFrom('a', 'b', '-', '--keep-env', '--chdir=/x', '');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), fc.array(word, { maxLength: 3 }), (before, after) => {
      const isOption = (text: string) => text.startsWith('--');
      const ordered = [...before.filter(isOption), ...before.filter((text) => !isOption(text))];
      const expected = read(...ordered);
      const found = mixed(...before, '--', ...after);
      return JSON.stringify(words(found)) === JSON.stringify([...words(expected), ...after]);
    }),
  );
  t.pass();
});
