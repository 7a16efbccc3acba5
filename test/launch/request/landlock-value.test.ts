import t from 'tap';

import { addPorts, toAbi, toLandlock, toPaths, toPorts } from '../../../lib/launch/request/landlock-value.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

t.test('a detail of Landlock asks for all of it, unless it is refused', async (t) => {
  t.equal(toLandlock(undefined, 'landlock', {}), false);
  for (const key of ['landlockAbi', 'landlockRo', 'landlockRw', 'connectTcp', 'bindTcp'])
    t.equal(toLandlock(undefined, 'landlock', { [key]: [] }), true, key);
  t.equal(toLandlock(true, 'landlock', { bindTcp: [] }), true);
  t.equal(toLandlock(false, 'landlock', {}), false);
  t.throws(() => toLandlock(false, 'landlock', { bindTcp: [] }), {
    message: 'landlock is false, and bindTcp is a part of it: choose one',
    hint: 'leave landlock out: bindTcp turns it on',
  });
});

t.test('--landlock asks for it', async (t) => {
  t.same(keysOfWords('--landlock'), { landlock: true });
});

t.test('an ABI is 1 to 6, and ports need the fourth', async (t) => {
  t.same(
    [undefined, 1, 6].map((value) => toAbi(value, 'landlockAbi', {})),
    [6, 1, 6],
  );
  for (const wrong of [0, 7]) t.throws(() => toAbi(wrong, 'landlockAbi', {}), { message: /from 1 to 6/ });
  for (const ports of [{ connectTcp: [] }, { bindTcp: [] }]) {
    t.equal(toAbi(4, 'landlockAbi', ports), 4);
    t.throws(() => toAbi(3, 'landlockAbi', ports), {
      name: 'UsageError',
      message: 'landlockAbi: ABI 3 of Landlock knows no TCP ports',
    });
  }
});

t.test('paths are absolute', async (t) => {
  t.same(toPaths(['/a', Buffer.from('/b')], 'landlockRo'), [Buffer.from('/a'), Buffer.from('/b')]);
  t.throws(() => toPaths(['a/'], 'landlockRo'), {
    message: "landlockRo[0] must be an absolute path, not 'a/'",
  });
});

t.test('ports are 0 to 65535, ascending', async (t) => {
  t.same(toPorts([65_535, 0], 'bindTcp'), [0, 65_535]);
  t.equal(toPorts(undefined, 'bindTcp'), undefined);
  for (const wrong of [-1, 65_536, 1.5, '80', 'x'])
    t.throws(() => toPorts([wrong as number], 'bindTcp'), {
      message: /^bindTcp\[0\] must be a whole number from 0 to 65535/,
      hint: 'for example bindTcp: [443]',
    });
  const word = (text: string) => ({ text, bytes: Buffer.from(text) });
  t.same(addPorts(word('80,90-91'), [5]), [5, 80, 90, 91]);
  t.same(addPorts(word('none')), []);
});
