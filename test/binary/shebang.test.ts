import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import t from 'tap';

import { commandOfEnv, readScript } from '../../lib/binary/shebang.ts';

const read = (text: string) => readScript(Buffer.from(text, 'latin1'));

t.test('a line names an interpreter and at most one argument', async (t) => {
  t.match(read('#!/bin/sh\n'), { kind: 'script', interpreter: '/bin/sh', line: '/bin/sh' });
  t.match(read('#! /bin/sh\t -e -u \n'), { interpreter: '/bin/sh', argument: '-e -u' });
  t.equal('argument' in read('#!/bin/sh \t\n'), false, 'blanks at the end are no argument');
  t.match(read('#!sh\n'), { interpreter: 'sh' }, 'a relative path is one too');
});

t.test('a file may end without a newline', async (t) => {
  t.match(read('#!/bin/sh'), { kind: 'script', interpreter: '/bin/sh' });
  t.match(read('#!/bin/sh -x'), { interpreter: '/bin/sh', argument: '-x' });
});

t.test('a carriage return is part of the name, as for the kernel', async (t) => {
  t.match(read('#!/bin/sh\r\n'), { interpreter: '/bin/sh\r' });
});

t.test('bytes that are no UTF-8 are kept', async (t) => {
  t.match(read('#!/bin/\xff\n'), { interpreter: '/bin/\xff' });
});

t.test('a NUL ends the interpreter, and what follows is no argument', async (t) => {
  const script = read('#!/bin/sh\0 -x\n');
  t.match(script, { kind: 'script', interpreter: '/bin/sh' });
  t.equal('argument' in script, false);
});

t.test('a file that does not begin with #! is no script', async (t) => {
  for (const text of ['', '#', '!#', ' #!/bin/sh\n', '\x7fELF', 'echo\n'])
    t.same(read(text), { kind: 'none' }, text);
});

t.test('#! without a name is invalid', async (t) => {
  for (const text of ['#!\n', '#! \t \n', '#!   \n/bin/sh', `#!${' '.repeat(300)}/bin/sh\n`])
    t.match(read(text), { kind: 'invalid', reason: 'empty' });
});

t.test('an interpreter that may be cut off at 256 bytes is invalid', async (t) => {
  t.match(read(`#!/${'a'.repeat(400)}\n`), { kind: 'invalid', reason: 'truncated' });
  t.match(read(`#!/${'a'.repeat(252)}\n`), { kind: 'script' }, 'newline is byte 256');
  t.match(read(`#!/${'a'.repeat(253)}\n`), { kind: 'invalid' }, 'newline is byte 257');
  t.match(read(`#!/${'a'.repeat(252)}`), { kind: 'script' }, 'the file ends after byte 255');
  t.match(read(`#!/${'a'.repeat(253)}`), { kind: 'invalid' }, 'the file ends after byte 256');
});

t.test('an argument is cut off at 255 bytes', async (t) => {
  const script = read(`#!/bin/sh ${'x'.repeat(400)}\n`);
  t.match(script, {
    kind: 'script',
    interpreter: '/bin/sh',
    argument: 'x'.repeat(255 - '#!/bin/sh '.length),
  });
});

t.test('env starts its first word that is neither option nor assignment', async (t) => {
  const command = (text: string) => {
    const script = read(text);
    return script.kind === 'script' ? commandOfEnv(script) : script.kind;
  };
  t.equal(command('#!/usr/bin/env -S A=b perl -w\n'), 'perl');
  t.equal(command('#!/usr/bin/env\n'), undefined);
  t.equal(command('#!/bin/sh perl\n'), undefined);
});

t.test('no more than the first 256 bytes count', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 256, maxLength: 600 }), (tail) => {
      const bytes = Uint8Array.from([0x23, 0x21, ...tail]);
      assert.deepEqual(readScript(bytes), readScript(bytes.subarray(0, 256)));
    }),
  );
  t.pass();
});

t.test('any bytes give an answer without NUL or newline in it', async (t) => {
  const letters = fc.constantFrom(...' \t\n\0/#!-sh'.split(''));
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 300 }), (text) => {
      const script = read(`#!${text}`);
      if (script.kind !== 'script') return;
      assert.doesNotMatch(`${script.interpreter}${script.argument ?? ''}`, /[\0\n]/);
      assert.doesNotMatch(script.interpreter, /[ \t]/);
      assert.doesNotMatch(script.argument ?? '', /^[ \t]/);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
