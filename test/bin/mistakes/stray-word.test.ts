// A word between the options and USER that belongs to the last option, or to nothing.
import t from 'tap';

import { isPath, withoutStray, type Words } from '../../../lib/bin/mistakes/stray-word.ts';

/** The options that become of such a line; `value` is what the last option has taken. */
function options(
  given: readonly string[],
  operands: readonly string[],
  taker?: { readonly name: string; readonly metavar: string; readonly value: string },
): readonly string[] | undefined {
  const line: Words = {
    options: given,
    operands,
    ...(taker && {
      taker: { option: { name: taker.name, metavar: taker.metavar, help: '' }, value: taker.value },
    }),
  };
  const found = withoutStray(line);
  if (found !== undefined) t.same(found.operands, operands.slice(1));
  return found?.options;
}
const behind = (stray: string): readonly string[] => [stray, 'sam', '/srv/jail', '/bin/ls'];

t.test('a path has a slash', async (t) => {
  t.ok(isPath('a/b'));
  t.notOk(isPath('ab'));
  t.notOk(isPath(undefined));
});

t.test('an option that takes a list takes it too', async (t) => {
  const groups = { name: 'groups', metavar: 'NAME,...', value: 'audio' };
  t.same(options(['--plan', '--groups', 'audio'], behind('video'), groups), [
    '--plan',
    '--groups',
    'audio,video',
  ]);
});

t.test('an option that may be repeated is repeated', async (t) => {
  const tmpfs = { name: 'tmpfs', metavar: 'DEST', value: '/tmp' };
  t.same(options(['--tmpfs', '/tmp'], behind('/run'), tmpfs), ['--tmpfs', '/tmp', '--tmpfs', '/run']);
  const chdir = { name: 'chdir', metavar: 'DIR', value: '/tmp' };
  t.equal(options(['--chdir', '/tmp'], behind('yes'), chdir), undefined, 'another one may not');
});

t.test('what stands before the last option has taken nothing of it', async (t) => {
  const tmpfs = { name: 'tmpfs', metavar: 'DEST', value: '/tmp' };
  t.same(options(['--tmpfs', '/tmp', '--plan'], behind('no'), tmpfs), ['--tmpfs', '/tmp']);
  t.same(options(['--tmpfs=/tmp'], behind('on'), tmpfs), ['--tmpfs=/tmp']);
  t.same(options(['--dir', '/tmp'], behind('on'), tmpfs), ['--dir', '/tmp']);
  t.same(options(['/tmp'], behind('on'), tmpfs), ['/tmp']);
  const groups = { name: 'groups', metavar: 'NAME,...', value: 'audio' };
  t.same(options(['--groups', 'audio', '--plan'], behind('true'), groups), ['--groups', 'audio', '--plan']);
});

t.test('an option without a value that has one with it becomes that option', async (t) => {
  t.same(options(['--plan', '--keep-env'], behind('PATH')), ['--plan', '--pass-env', 'PATH']);
  t.same(options(['--plan', '--ephemeral'], behind('/kept')), ['--plan', '--ephemeral-dir', '/kept']);
  t.equal(options(['--keep-env'], behind('A=b')), undefined);
  t.equal(options(['--ephemeral'], behind('kept')), undefined);
  t.equal(options(['--plan'], behind('PATH')), undefined);
  t.equal(options(['--plan'], behind('/kept')), undefined);
});

t.test('yes and no are the option, or its absence', async (t) => {
  for (const word of ['yes', 'TRUE', 'on', '1', 'all'])
    t.same(options(['--plan', '--isolate'], behind(word)), ['--plan', '--isolate'], word);
  for (const word of ['no', 'False', 'off', '0'])
    t.same(options(['--plan', '--isolate'], behind(word)), ['--plan'], word);
  t.equal(options(['--isolate'], behind('maybe')), undefined);
});

t.test('a line whose words stand in order has no stray word', async (t) => {
  t.equal(options([], behind('yes')), undefined, 'no option');
  t.equal(options(['--isolate'], []), undefined);
  t.equal(options(['--isolate'], ['yes', 'sam']), undefined, 'no directory');
  t.same(options(['--isolate'], ['yes', 'sam', '/srv/jail']), ['--isolate']);
  t.equal(options(['--isolate'], ['yes', '/srv/jail', '/srv/ls']), undefined, 'the word is USER');
  t.equal(options(['--isolate'], ['yes', 'sam', 'jail']), undefined, 'no path');
  t.equal(options(['--isolate'], ['yes', 'jail', '/usr/bin/id']), undefined, 'a program');
});
