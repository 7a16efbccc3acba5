import t from 'tap';

import { addPorts, toAbi, toLandlock, toPaths, toPorts } from '../../../lib/launch/request/landlock-value.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

t.test('a detail of Landlock asks for all of it, unless it is refused', async (t) => {
  t.equal(toLandlock(undefined, {}), false);
  for (const key of ['landlockAbi', 'landlockRo', 'landlockRw', 'connectTcp', 'bindTcp'])
    t.equal(toLandlock(undefined, { [key]: [] }), true, key);
  t.equal(toLandlock(true, { bindTcp: [] }), true);
  t.equal(toLandlock(false, {}), false);
  t.throws(() => toLandlock(false, { bindTcp: [] }), { name: 'UsageError', message: /bindTcp is a part/ });
});

t.test('--landlock asks for it', async (t) => {
  t.same(keysOfWords('--landlock'), { landlock: true });
});

t.test('an ABI is 1 to 6, and ports need the fourth', async (t) => {
  t.same(
    [undefined, 1, 6].map((value) => toAbi(value, '', {})),
    [6, 1, 6],
  );
  for (const wrong of [0, 7]) t.throws(() => toAbi(wrong, '', {}), { message: /from 1 to 6/ });
  for (const ports of [{ connectTcp: [] }, { bindTcp: [] }]) {
    t.equal(toAbi(4, '', ports), 4);
    t.throws(() => toAbi(3, '', ports), { name: 'UsageError', message: /ABI 3 of Landlock knows no TCP/ });
  }
});

t.test('paths are absolute', async (t) => {
  t.same(toPaths(['/a', Buffer.from('/b')], 'landlockRo'), [Buffer.from('/a'), Buffer.from('/b')]);
  t.throws(() => toPaths(['a/'], 'landlockRo'), {
    message: /^landlockRo must be absolute/,
    hint: 'write /a/',
  });
});

t.test('ports are 0 to 65535, ascending', async (t) => {
  t.same(toPorts([65_535, 0], 'bindTcp'), [0, 65_535]);
  t.equal(toPorts(undefined, 'bindTcp'), undefined);
  for (const [wrong, meant] of [
    [-1, 443],
    [65_536, 443],
    [65_535.5, 65_535],
    [1.5, 1],
    [0.5, 443],
    ['1', 1],
    ['80', 80],
    ['x', 443],
  ] as const)
    t.throws(() => toPorts([wrong as number], 'bindTcp'), {
      name: 'UsageError',
      message: /^bindTcp must be TCP ports/,
      hint: `for example ${meant}`,
    });
  const add = addPorts('--bind-tcp');
  const word = (text: string) => ({ text, bytes: Buffer.from(text) });
  t.same(add(word('80,90-91'), [5]), [5, 80, 90, 91]);
  t.same(add(word('none')), []);
  t.throws(() => add(word('x')), { name: 'UsageError', hint: /443/ });
});
