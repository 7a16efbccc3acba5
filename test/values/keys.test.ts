import t from 'tap';

import {
  checkKeys,
  checkSignal,
  isAlike,
  isPlain,
  refuseSecond,
  takeRequest,
} from '../../lib/values/keys.ts';

class Request {
  readonly own = 1;
  get inherited(): number {
    return 2;
  }
}

t.test('a plain object inherits no key', async (t) => {
  for (const plain of [{}, Object.create(null)]) t.ok(isPlain(plain as object));
  for (const other of [new Request(), [], new Map(), Object.create({ a: 1 })])
    t.notOk(isPlain(other as object));
});

t.test('a request is copied in depth, and the caller can change his own later', async (t) => {
  const bytes = Buffer.from('a');
  const request = { list: [{ bytes }], nothing: null, stream: new Map() };
  const own = takeRequest(request, () => {});
  bytes.fill('b');
  request.list.pop();
  t.same(
    own.list.map((one) => String(one.bytes)),
    ['a'],
  );
  t.equal(own.nothing, null);
  t.equal(own.stream, request.stream, 'what is no plain object stays the same');
  const inherited = Object.create({ above: 1 }) as Record<string, unknown>;
  inherited.own = 2;
  t.same({ ...takeRequest(inherited, () => {}) }, { own: 2, above: 1 });
});

t.test('what is no object is left to the check', async (t) => {
  for (const request of [null, undefined, 5, 'x', ['a']]) {
    let checked: unknown;
    takeRequest(request as never, (given) => (checked = given));
    t.equal(checked, request);
  }
});

t.test('an array that would not fit into memory is refused', async (t) => {
  const take = (length: number) => takeRequest({ list: Array<undefined>(length) }, () => {}).list.length;
  t.equal(take(2 ** 20), 2 ** 20);
  t.throws(() => take(2 ** 20 + 1), {
    name: 'UsageError',
    message: 'an array of a request has at most 1048576 elements, not 1048577',
  });
});

t.test('an object none of whose keys could be read is refused', async (t) => {
  for (const [request, kind] of [
    [new Map([['a', 1]]), 'Map'],
    [Promise.resolve(), 'Promise'],
    [new Date(), 'Date'],
  ] as const)
    t.throws(() => takeRequest(request, () => {}), {
      name: 'UsageError',
      message: new RegExp(`^the request must be an object with keys, not a ${kind}$`),
    });
});

t.test('a request is an object with known keys', async (t) => {
  const known = new Set(['directory', 'users']);
  const message = /^the request must be an object$/;
  t.doesNotThrow(() => checkKeys({ users: [] }, known));
  for (const wrong of [undefined, null, 5, [], '/srv'])
    t.throws(() => checkKeys(wrong, known), { message, hint: 'its keys are directory, users' });
  t.throws(() => checkKeys('/srv', known, '{directory: 5}'), { message, hint: 'for example {directory: 5}' });
  for (const [key, hint, foreign] of [
    ['user', "did you mean 'users'?", undefined],
    ['jail', "did you mean 'directory'?", undefined],
    ['place', "did you mean 'directory'?", { place: 'directory' }],
    ['xyzzy', 'the keys are directory, users', undefined],
  ] as const)
    t.throws(() => checkKeys({ [key]: 1 }, known, undefined, foreign && (() => foreign)), {
      name: 'UsageError',
      message: `unknown key '${key}'`,
      hint,
    });
});

t.test('a signal is a real AbortSignal', async (t) => {
  for (const signal of [undefined, new AbortController().signal]) t.doesNotThrow(() => checkSignal(signal));
  for (const signal of ['SIGTERM', { aborted: false }, null, new AbortController()])
    t.throws(() => checkSignal(signal), {
      message: /^signal must be an AbortSignal, not /,
      hint: /AbortSignal\.timeout/,
    });
  t.throws(() => checkSignal(Object.create(AbortSignal.prototype)), TypeError);
});

t.test('anything beside the request is refused, but an index of map()', async (t) => {
  const message = /^the call takes one object with all keys/;
  for (const given of [
    [{}, {}],
    [{}, null],
    [{}, () => {}],
    ['/bin/ls', ['-l']],
    ['x', {}],
  ])
    t.throws(() => refuseSecond(given), { message });
  for (const given of [[{}], [{}, 5], [{}, undefined], ['x'], []]) t.doesNotThrow(() => refuseSecond(given));
});

t.test('arrays, plain objects and bytes are alike by content', async (t) => {
  for (const make of [
    () => 7,
    () => undefined,
    () => [1, [2, Buffer.from('a')]],
    () => ({ a: { b: 'c' }, d: undefined }),
    () => new Uint8Array([1, 2]),
  ])
    t.ok(isAlike(make(), make()));
  for (const [a, b] of [
    [1, 2],
    [undefined, null],
    [[], {}],
    [[1], [1, 2]],
    [{ a: 1 }, { b: 1 }],
    [{ a: undefined }, { b: undefined }],
    [Buffer.from('a'), Buffer.from('b')],
    [Buffer.from('a'), ['a']],
  ])
    t.notOk(isAlike(a, b));
});

t.test('two objects of a class are alike only if they are one', async (t) => {
  t.notOk(isAlike(new Map([[1, 2]]), new Map([[3, 4]])));
  const one = new Map();
  t.ok(isAlike(one, one));
});
