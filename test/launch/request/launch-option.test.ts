// What the words of options of a launch become.
import t from 'tap';

import {
  addDescriptors,
  addNames,
  addPassEnv,
  addRlimit,
  parseStatusFd,
  parseUmask,
  setEnv,
  toNumber,
  toNumbers,
  unsetEnv,
} from '../../../lib/launch/request/launch-option.ts';

const word = (text: string) => ({ text, bytes: Buffer.from(text) });
const bytes = (text: string) => ({ text, bytes: Buffer.from(text, 'latin1') });

t.test('numbers and ranges come one by one', async (t) => {
  t.same(toNumbers('3,5-7', '--fds'), [3, 5, 6, 7]);
  t.same(toNumbers('4-4', '--fds'), [4]);
  t.equal(toNumbers('1-65536', '--fds').length, 65_536);
  t.same(addDescriptors(word('4,5'), [3]), [3, 4, 5]);
  t.same(addDescriptors(word('4')), [4]);
  t.equal(parseStatusFd(word('0')), 0);
});

t.test('other numbers and ranges are refused with an example', async (t) => {
  const message = (text: string) => `--fds takes numbers and ranges such as 3,5-7, not '${text}'`;
  for (const text of ['5-3', '1-2-3', '1-65537', '2-1-3'])
    t.throws(() => toNumbers(text, '--fds'), {
      name: 'UsageError',
      message: message(text),
      hint: 'write the lower number first: --fds 5-7',
    });
  for (const text of ['', '3,', '3-', '-3', '-'])
    t.throws(() => toNumbers(text, '--fds'), { message: message(text), hint: 'for example --fds 3' });
  t.throws(() => toNumbers('3-', '--cpus', 0), { name: 'UsageError', hint: 'for example --cpus 0' });
  t.throws(() => toNumbers('x', '--cpus', 0), {
    message: "--cpus takes a number, not 'x'",
    hint: 'for example --cpus 0',
  });
  t.throws(() => toNumbers('x', '--fds'), { name: 'UsageError', hint: 'for example --fds 3' });
  t.throws(() => toNumber('-1', '--fd'), { message: "--fd takes a number from 0 on, not '-1'" });
});

t.test('a mode is octal', async (t) => {
  t.equal(parseUmask(word('027')), 0o27);
  t.equal(parseUmask(word('777')), 0o777);
  t.equal(parseUmask(word('0')), 0);
  for (const text of ['1000', '8', '00777', 'u=rw', ''])
    t.throws(() => parseUmask(word(text)), {
      name: 'UsageError',
      message: `--umask takes an octal mode such as 027, not '${text}'`,
    });
});

t.test('a variable has a name, and any bytes as its value', async (t) => {
  const env = setEnv(word('A=b=c'));
  t.equal(Object.getPrototypeOf(env), null);
  t.same(env['A'], Buffer.from('b=c'));
  t.equal(setEnv(word('B='), env), env);
  t.same(Object.keys(env), ['A', 'B']);
  t.same(env['B'], Buffer.alloc(0));
  unsetEnv(word('A'), env);
  t.ok('A' in env);
  t.equal(env['A'], undefined);
  const example = 'for example --setenv LANG=C.UTF-8';
  for (const [text, hint] of [
    ['', example],
    ['=x', example],
    ['A', 'write --setenv A=VALUE'],
  ] as const)
    t.throws(() => setEnv(word(text)), { message: `--setenv takes NAME=VALUE, not '${text}'`, hint });
  t.throws(() => setEnv(bytes('\xff=x')), { message: "--setenv: the name '\\xff' is not UTF-8" });
});

t.test('lists are added to what was given before', async (t) => {
  t.same(addNames(word('b,c'), ['a']), ['a', 'b', 'c']);
  t.same(addPassEnv(word('B,C'), ['A']), ['A', 'B', 'C']);
  t.throws(() => addPassEnv(bytes('\xff')), { message: /not UTF-8$/ });
});

t.test('a limit is soft, and hard if it says so', async (t) => {
  t.same(addRlimit(word('nofile=4:8'), { core: 1 }), { core: 1, nofile: { soft: 4, hard: 8 } });
  t.same(addRlimit(word('core=unlimited')), { core: { soft: Infinity, hard: Infinity } });
  for (const [text, hint] of [
    ['nofile', 'for example --rlimit nofile=4096'],
    ['as=100M', 'write --rlimit as=104857600'],
    ['nofile=many', 'write a whole number, as in --rlimit nofile=4096, or unlimited'],
    ['nofile=1,nproc=2', 'write --rlimit nofile=1 --rlimit nproc=2'],
  ] as const)
    t.throws(() => addRlimit(word(text)), { name: 'UsageError', hint });
});
