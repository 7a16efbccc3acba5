import * as fc from 'fast-check';
import t from 'tap';

import {
  launchKeys,
  normalize,
  type LaunchRequest,
  type NormalRequest,
  maxId,
  toPrincipal,
} from '../../../lib/launch/request/request.ts';
import { signalNumber } from '../../../lib/launch/request/signal.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

/** Also for values that TypeScript would refuse. */
function read(keys: Readonly<Record<string, unknown>>): NormalRequest {
  return normalize({ user: 'sam', jail: '/srv/jail', ...keys });
}

t.test('variables that are to pass have names, and are not asked for beside all others', async (t) => {
  t.same(read({ passEnv: ['A', 'B'] }).passEnv, ['A', 'B']);
  for (const passEnv of ['A', [''], ['A=1'], ['A\0'], [1]])
    t.throws(() => read({ passEnv }), { name: 'UsageError' });
  t.throws(() => read({ passEnv: ['A'], keepEnv: true }), {
    message: /^keepEnv and passEnv are given at once/,
  });
});

t.test('a filter of system calls is a profile, log, or both', async (t) => {
  t.same(read({ seccomp: 'log' }).seccomp, { file: undefined, isLog: true });
  t.same(read({ seccomp: 'default' }).seccomp, { file: undefined, isLog: false });
  t.same(read({ seccomp: '/p.json' }).seccomp, { file: '/p.json', isLog: false });
  t.same(read({ seccomp: './log' }).seccomp, { file: './log', isLog: false });
  t.same(read({ seccomp: 'log:p.json' }).seccomp, { file: 'p.json', isLog: true });
  for (const seccomp of ['', 'log:', 'a\0', 5, true, ['log']])
    t.throws(() => read({ seccomp }), { name: 'UsageError' });
  t.same(read({ allow: ['debug', 'keyctl'] }).allow, ['debug', 'keyctl']);
  for (const allow of ['debug', [''], [5]]) t.throws(() => read({ allow }), { name: 'UsageError' });
});

t.test('user and jail are enough', async (t) => {
  t.same(read({}), {
    user: { name: 'sam', text: 'sam' },
    group: undefined,
    groups: undefined,
    clearGroups: false,
    jail: Buffer.from('/srv/jail'),
    program: undefined,
    args: [],
    argv0: undefined,
    cwd: Buffer.from('/'),
    env: [],
    keepEnv: false,
    passEnv: [],
    preserveFds: [],
    rlimits: [],
    umask: undefined,
    allowRoot: false,
    allowNewPrivs: false,
    caps: [],
    insecurePath: false,
    isolate: false,
    rootless: false,
    mapAuto: false,
    unshare: [],
    net: undefined,
    connectTo: [],
    listenOn: [],
    hostname: undefined,
    readOnly: false,
    ephemeral: undefined,
    view: [],
    allow: [],
    seccomp: undefined,
    newSession: false,
    pty: undefined,
    dieWithParent: false,
    statusFd: undefined,
    reportDenials: false,
    deterministic: false,
    pidFile: undefined,
    resultFile: undefined,
    checkProgram: false,
    noSetId: false,
    killSignal: 15,
    landlock: false,
    landlockAbi: 6,
    landlockRo: [],
    landlockRw: [],
    connectTcp: undefined,
    bindTcp: undefined,
  });
});

t.test('a misspelt key is an error that names the right one', async (t) => {
  for (const [wrong, right] of [
    ['usr', 'user'],
    ['allowroot', 'allowRoot'],
    ['programm', 'program'],
    ['clear_groups', 'clearGroups'],
    ['die-with-parent', 'dieWithParent'],
    ['rlimit', 'rlimits'],
  ] as const) {
    t.throws(() => read({ [wrong]: 1 }), {
      name: 'UsageError',
      message: `unknown key '${wrong}'`,
      hint: `did you mean '${right}'?`,
    });
  }
});

t.test('a key that resembles none is an error that lists them all', async (t) => {
  t.throws(() => read({ somethingElse: 1 }), {
    name: 'UsageError',
    hint: `the keys are ${[...launchKeys].join(', ')}`,
  });
  t.throws(() => read({ ['x\n\x1b[2J']: 1 }), {
    message: String.raw`unknown key 'x\n\x1b[2J'`,
  });
});

t.test('what is no object is no request', async (t) => {
  for (const value of [undefined, null, 'sam', 5, [], ['sam', '/']]) {
    t.throws(() => normalize(value as unknown as LaunchRequest), {
      name: 'UsageError',
      message: /an object/,
    });
  }
});

t.test('every id from 0 to 2^32-2 is itself, as a number, as digits and after a plus', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: maxId }), fc.constantFrom(0, maxId)), (id) => {
        t.same(toPrincipal(id, 'user'), { id, text: `${id}` });
        t.same(toPrincipal(`${id}`, 'user'), { name: `${id}`, id, text: `${id}` });
        t.same(toPrincipal(`+${id}`, 'user'), { id, text: `+${id}` });
      }),
      { numRuns: 20 },
    ),
  );
});

t.test('what other tools read as 0 is only a name', async (t) => {
  for (const text of [
    '00',
    '000',
    ' 0',
    '0 ',
    '-0',
    '0x0',
    '0.0',
    '1e3',
    '4294967295',
    '4294967296',
    '٠',
    '',
  ]) {
    t.same(toPrincipal(text, 'user'), { name: text, text }, JSON.stringify(text));
  }
});

t.test('a plus with anything but a plain number is neither name nor id', async (t) => {
  for (const text of ['+00', '++0', '+-1', '+4294967295', '+99999999999']) {
    t.equal(toPrincipal(text, 'user').id, undefined, text);
  }
  t.same(toPrincipal('+4294967295', 'user'), { text: '+4294967295' });
});

t.test('an id that is no whole number from 0 to 2^32-2 is an error', async (t) => {
  for (const user of [-1, 0.5, 2 ** 32 - 1, 2 ** 32, NaN, Infinity]) {
    t.throws(() => read({ user }), { name: 'UsageError', message: /0 to 4294967294/ });
    t.throws(() => read({ group: user }), { name: 'UsageError' });
    t.throws(() => read({ groups: [user] }), { name: 'UsageError' });
  }
});

t.test('USER:GROUP is split at the first colon', async (t) => {
  t.match(read({ user: 'sam:audio' }), { user: { text: 'sam' }, group: { text: 'audio' } });
  t.match(read({ user: '1001:29' }), { user: { id: 1001 }, group: { id: 29 } });
  t.match(read({ user: 'sam:audio:video' }), { user: { text: 'sam' }, group: { text: 'audio:video' } });
  t.match(read({ user: ':sam' }), { user: { text: '' }, group: { text: 'sam' } });
});

t.test('an empty group is an error and not the own one', async (t) => {
  t.throws(() => read({ user: 'sam:' }), {
    message: /^user must be USER, or USER:GROUP with a group/,
    hint: "for example user: 'sam'",
  });
});

t.test('a group is given once', async (t) => {
  t.throws(() => read({ user: 'sam:audio', group: 'video' }), {
    message: /^group and user are given at once/,
  });
  t.throws(() => read({ groups: ['audio'], clearGroups: true }), { name: 'UsageError', message: /groups/ });
});

t.test('no groups are no groups, which is not the same as none given', async (t) => {
  t.same(read({ groups: [] }).groups, []);
  t.same(read({ clearGroups: true }).groups, []);
  t.equal(read({ clearGroups: false }).groups, undefined);
  t.same(keysOfWords('--groups', '').groups, []);
  t.same(keysOfWords('--groups', 'audio,5').groups, ['audio', '5']);
});

t.test('a NUL byte is an error wherever it stands', async (t) => {
  const text = 'x\0y';
  for (const keys of [
    { user: text },
    { group: text },
    { groups: [text] },
    { jail: `/${text}` },
    { program: text },
    { args: ['-l', text] },
    { argv0: text },
    { cwd: text },
    { env: { A: text } },
    { env: { [text]: 'A' } },
    { pidFile: text },
    { program: Buffer.from(text) },
  ]) {
    t.throws(() => read(keys), { name: 'UsageError' }, Object.keys(keys)[0] ?? '');
  }
});

t.test('bytes stay as they are, also a part of a larger buffer', async (t) => {
  const bytes = Buffer.from([0x2f, 0xff, 0x80, 0x2f]).subarray(0, 3);
  t.same(read({ program: bytes }).program, Buffer.from([0x2f, 0xff, 0x80]));
  t.same(read({ args: [new Uint8Array([0xff])] }).args, [Buffer.from([0xff])]);
  t.same(read({ args: ['é', ''] }).args, [Buffer.from('é'), Buffer.alloc(0)]);
});

t.test('a jail is an absolute path', async (t) => {
  t.throws(() => read({ jail: 'srv/jail' }), { message: /absolute path, not 'srv\/jail'/ });
  t.throws(() => read({ jail: '' }), { message: /absolute path, not ''/ });
  t.throws(() => read({ jail: undefined }), { name: 'UsageError' });
});

t.test('an empty program or working directory is an error, an empty argument is not', async (t) => {
  t.throws(() => read({ program: '' }), { message: "program must be a path, not ''" });
  t.throws(() => read({ cwd: '' }), { message: "cwd must be a path, not ''" });
  t.same(read({ argv0: '' }).argv0, Buffer.alloc(0));
});

t.test('every switch takes true or false and nothing like it', async (t) => {
  for (const name of [
    'clearGroups',
    'keepEnv',
    'allowRoot',
    'allowNewPrivs',
    'insecurePath',
    'newSession',
    'dieWithParent',
    'checkProgram',
  ]) {
    for (const value of ['true', 'false', 1, 0, null, {}]) {
      t.throws(() => read({ [name]: value }), {
        message: new RegExp(`^${name} must be true or false, not `),
      });
    }
    t.doesNotThrow(() => read({ [name]: undefined }));
  }
});

t.test('a value of the wrong type is an error that names its key', async (t) => {
  for (const [key, value] of Object.entries({
    args: 'x',
    groups: 'audio',
    preserveFds: 3,
    caps: 'chown',
    program: 5,
    env: ['A=1'],
    rlimits: 5,
    umask: 'rwx',
    statusFd: '3',
    pidFile: 5,
  })) {
    t.throws(() => read({ [key]: value }), { name: 'UsageError', message: new RegExp(key) });
  }
});

t.test('descriptors above 2 are kept, ascending and each once', async (t) => {
  t.same(read({ preserveFds: [9, 3, 9] }).preserveFds, [3, 9]);
  for (const fd of [0, 2, -1, 3.5, 2 ** 31, '3', NaN]) {
    t.throws(() => read({ preserveFds: [fd] }), { name: 'UsageError', message: /from 3 to / });
  }
  t.equal(read({ statusFd: 1 }).statusFd, 1);
});

t.test('a umask is 0 to 0o777', async (t) => {
  t.equal(read({ umask: 0 }).umask, 0);
  t.equal(read({ umask: 0o777 }).umask, 0o777);
  for (const umask of [-1, 0o1000, 1.5]) t.throws(() => read({ umask }), { name: 'UsageError' });
});

t.test('capabilities are read with or without CAP_, ascending and each once', async (t) => {
  t.same(read({ caps: ['net_bind_service', 'CAP_CHOWN', 'chown'] }).caps, [0, 10]);
  for (const name of ['', 'all', 'net-bind-service', 'cap_', 10]) {
    t.throws(() => read({ caps: [name] }), { message: /^caps\[0\] must be the name of a capability/ });
  }
});

t.test('a variable to set has a name without =, and undefined leaves it out', async (t) => {
  const { env } = read({ env: { A: '', B: undefined, C: Buffer.from([0xff]) } });
  t.same(env, [
    ['A', ''],
    ['B', undefined],
    ['C', Buffer.from([0xff])],
  ]);
  for (const name of ['', 'A=B', '='])
    t.throws(() => read({ env: { [name]: 'x' } }), { message: /^env must be the name of a variable/ });
});

t.test('limits come by name', async (t) => {
  t.same(read({ rlimits: { nofile: 5, core: { soft: 0, hard: Infinity } } }).rlimits, [
    ['nofile', { soft: 5, hard: 5 }],
    ['core', { soft: 0, hard: Infinity }],
  ]);
  t.throws(() => read({ rlimits: { files: 5 } }), { message: /^rlimits must be limits of .*, not 'files'$/ });
});

t.test('each limit has a least and a largest value', async (t) => {
  for (const [key, least, most, tooLittle, tooMuch] of [
    ['memory', 4096, 2 ** 53 - 1, 4095, 2 ** 53],
    ['pids', 1, 4_194_304, 0, 4_194_305],
    ['cpu', 0.01, 8192, 0.009, 8193],
    ['ioWeight', 1, 10_000, 0, 10_001],
    ['time', 0.001, 2_147_483, 0.0009, 2_147_484],
    ['cpuTime', 0.01, 2 ** 31, 0, 2 ** 31 + 1],
    ['nice', 0, 19, -1, 20],
    ['oomScoreAdj', 0, 1000, -1, 1001],
  ] as const) {
    for (const value of [least, most]) t.equal(read({ [key]: value })[key], value, `${key} ${value}`);
    for (const value of [tooLittle, tooMuch, NaN, '5%', null])
      t.throws(() => read({ [key]: value }), { name: 'UsageError', message: new RegExp(`^${key} must be`) });
  }
  t.same(read({ memory: '1M', swap: 0 }).swap, 0);
  t.same(read({ affinity: [8191, 0, 8191] }).affinity, [0, 8191]);
  for (const affinity of [[], [8192], [-1], [0.5], ['0'], '0', [0, 8192], 3])
    t.throws(() => read({ affinity }), { name: 'UsageError', message: /^affinity/ });
});

t.test('more groups than the kernel takes are refused here', async (t) => {
  t.equal(read({ groups: Array<number>(65536).fill(1) }).groups?.length, 65536);
  t.throws(() => read({ groups: Array<number>(65537).fill(1) }), { message: /at most 65536/ });
});

t.test('a request is not changed, and its normal form does not change with it', async (t) => {
  const args = ['-l'];
  const request = Object.freeze({ user: 'sam', jail: '/srv/jail', args });
  const normal = normalize(request);
  args.push('-a');
  t.same(normal.args, [Buffer.from('-l')]);
});

t.test('a signal is known by name or by number', async (t) => {
  t.equal(signalNumber('SIGTERM', 'killSignal'), 15);
  t.equal(signalNumber(0, 'killSignal'), 0);
  t.equal(signalNumber(64, 'killSignal'), 64);
  for (const signal of ['TERM', 'sigterm', 'toString', '', 65, -1, 1.5, undefined, null]) {
    t.throws(() => signalNumber(signal, 'killSignal'), { message: /^killSignal (?:must be|is missing)/ });
  }
});

// Values that agree with each other, and some that do not; an object is a new one in each request.
const someKeys: Readonly<Record<string, readonly (() => unknown)[]>> = {
  user: [() => 'sam', () => 'sam:audio', () => 7],
  group: [() => 'audio'],
  jail: [() => '/srv/jail', () => '/srv/other', () => Buffer.from('/srv/jail'), () => 'relative'],
  clearGroups: [() => true],
  groups: [() => ['audio', 5]],
  isolate: [() => true, () => false],
  net: [() => 'host'],
  readOnly: [() => true],
  view: [() => [{ proc: '/proc' }], () => [{ tmpfs: '/tmp' }]],
  args: [() => ['-l'], () => []],
  env: [() => ({ LANG: 'C' }), () => ({ LANG: undefined })],
  keepEnv: [() => true],
  passEnv: [() => ['A']],
  memory: [() => '64M', () => 2 ** 26],
  swap: [() => 0],
  pty: [() => true, () => ({ cols: 80 })],
  umask: [() => 0o27, () => 0o77, () => '077'],
  rlimits: [() => ({ nofile: 64 })],
};

t.test('what was given before changes no normal form', async (t) => {
  const outcomeOf = (read: typeof normalize, request: LaunchRequest): unknown => {
    try {
      return read(request);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const url = import.meta.resolve('../../../lib/launch/request/request.ts').replace(/\.ts$/, '.js');
  let fresh = 0;
  const keys = Object.fromEntries(
    Object.entries(someKeys).map(([key, values]) => [key, fc.constantFrom(...values)]),
  );
  const requests = fc.array(fc.record(keys, { requiredKeys: [] }), { minLength: 2, maxLength: 5 });
  const base = { user: () => 'sam', jail: () => '/srv/jail' };
  await fc.assert(
    fc.asyncProperty(requests, async (list) => {
      for (const each of list) {
        const values: [string, () => unknown][] = Object.entries({ ...base, ...each });
        const make = () =>
          Object.fromEntries(values.map(([key, value]) => [key, value()])) as unknown as LaunchRequest;
        const { normalize: readFresh } = (await import(`${url}?${fresh++}`)) as {
          normalize: typeof normalize;
        };
        t.strictSame(outcomeOf(normalize, make()), outcomeOf(readFresh, make()));
      }
    }),
    { numRuns: 60 },
  );
});

t.test('a request that says the same has the same normal form, by identity', async (t) => {
  const make = (): LaunchRequest => ({
    user: 'sam',
    jail: '/srv/jail',
    args: ['-l'],
    env: { LANG: 'C' },
    view: [{ proc: '/proc' }],
    isolate: true,
  });
  const first = normalize(make());
  t.equal(normalize(make()), first);
  const other = normalize({ ...make(), args: ['-a'] });
  t.strictSame(other.args, [Buffer.from('-a')]);
  t.equal(other.view, first.view);
  t.equal(other.user, first.user);
});
