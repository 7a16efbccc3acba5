import * as fc from 'fast-check';
import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { makeFilter, type FilterRequest } from '../../../lib/launch/seccomp/filter.ts';
import { readProfile } from '../../../lib/launch/seccomp/oci-profile.ts';
import { everything, profiles } from '../../support/launch/seccomp/profiles.ts';
import { audit, run } from '../../support/launch/seccomp/interpreter.ts';

const facts = { architecture: 'x64', caps: [], kernel: '6.12.0' } as const;

const rule = (more: object): object => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    { names: ['execve', 'write', 'exit_group'], action: 'SCMP_ACT_ALLOW' },
    { names: ['read'], action: 'SCMP_ACT_ALLOW', ...more },
  ],
});
const test = (more: object): object => rule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...more }] });

const request: FilterRequest = {
  ...facts,
  isIsolated: false,
  isLog: false,
  profile: undefined,
  allow: [],
  allowNewPrivs: false,
  hasInit: false,
};
const profileOf = (content: object): FilterRequest['profile'] => ({
  file: 'p.json',
  text: JSON.stringify(content),
});

const mistakes: readonly (readonly [profile: unknown, message: RegExp, hint?: RegExp])[] = [
  [
    '{"defaultAction": "SCMP_ACT_ALLOW",\n  "syscalls": [}',
    /^p\.json: line 2, column 16: no JSON: Unexpected token/,
  ],
  ['', /^p\.json: line 1, column 1: no JSON: Unexpected end/],
  ['{"a": "\u001b[31m"}', /^p\.json: line 1, column 8: no JSON/],
  [[], /^p\.json: must be an object, not \[\]$/],
  [null, /^p\.json: must be an object, not null$/],
  [{}, /^p\.json: defaultAction: must be a text, not missing$/],
  [
    { defaultAction: 'SCMP_ACT_ALOW' },
    /^p\.json: defaultAction: 'SCMP_ACT_ALOW' is no action$/,
    /did you mean SCMP_ACT_ALLOW\?/,
  ],
  [{ defaultAction: 'toString' }, /'toString' is no action/, /one of SCMP_ACT_ALLOW, /],
  [{ ...everything, defaultErrnoRet: 1 }, /^p\.json: defaultErrnoRet: SCMP_ACT_KILL_PROCESS has no errno$/],
  [
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 4096 },
    /defaultErrnoRet: must be a whole number from 0 to 4095, not 4096/,
  ],
  [{ defaultAction: 'SCMP_ACT_ERRNO', defaultErrno: 'ENOSY' }, /defaultErrno: 'ENOSY' is no errno/, /ENOS/],
  [
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1, defaultErrno: 'ENOSYS' },
    /defaultErrno: is errno 38, and the number beside it is 1/,
  ],
  [
    { defaultAction: 'SCMP_ACT_ALLOW', syscals: [] },
    /^p\.json: unknown key 'syscals'$/,
    /did you mean syscalls\?/,
  ],
  [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: {} }, /^p\.json: syscalls: must be an array, not \{\}$/],
  [
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: ['x'] },
    /^p\.json: syscalls\[0\]: must be an object, not "x"$/,
  ],
  [
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ action: 'SCMP_ACT_ERRNO' }] },
    /syscalls\[0\]: names no system call/,
  ],
  [rule({ names: [1] }), /^p\.json: syscalls\[1\]\.names\[0\]: must be a text, not 1$/],
  [
    rule({ action: 'SCMP_ACT_TRACE' }),
    /syscalls\[1\]\.action: SCMP_ACT_TRACE needs a tracer, which uchroot does not have/,
  ],
  [rule({ action: 'SCMP_ACT_NOTIFY' }), /SCMP_ACT_NOTIFY needs a process that answers for the kernel/],
  [rule({ errnoRet: 1 }), /syscalls\[1\]\.errnoRet: SCMP_ACT_ALLOW has no errno/],
  [rule({ exclude: {} }), /syscalls\[1\]: unknown key 'exclude'/, /did you mean excludes\?/],
  [rule({ includes: { cap: [] } }), /syscalls\[1\]\.includes: unknown key 'cap'/, /caps/],
  [
    rule({ includes: { caps: ['SYS_ADMIN'] } }),
    /includes\.caps\[0\]: 'SYS_ADMIN' is no capability such as CAP_SYS_ADMIN/,
  ],
  [rule({ includes: { minKernel: '4' } }), /includes\.minKernel: '4' is no version such as 4\.8/],
  [rule({ excludes: { minKernel: 4.8 } }), /excludes\.minKernel: must be a text, not 4\.8/],
  [
    test({ op: 'SCMP_CMP_EG' }),
    /syscalls\[1\]\.args\[0\]\.op: 'SCMP_CMP_EG' is no comparison/,
    /SCMP_CMP_EQ/,
  ],
  [test({ index: 6 }), /args\[0\]\.index: must be a whole number from 0 to 5, not 6/],
  [test({ value: -1 }), /args\[0\]\.value: must be a whole number from 0 to 18446744073709551615, not -1/],
  [test({ value: 1.5 }), /args\[0\]\.value: must be a whole number/],
  [test({ value: '0x10' }), /args\[0\]\.value: must be a whole number/],
  [
    JSON.stringify(test({ value: 77 })).replace('77', '18446744073709551616'),
    /args\[0\]\.value: must be a whole number/,
  ],
  [{ ...everything, flags: ['TSYNC'] }, /flags\[0\]: 'TSYNC' is no flag/],
  [{ ...everything, listenerPath: '/run/x' }, /listenerPath: is for SCMP_ACT_NOTIFY/],
  [{ ...everything, architectures: ['x86_64'] }, /architectures\[0\]: 'x86_64' is no architecture such as/],
  [
    { ...everything, architectures: ['SCMP_ARCH_TEST'] },
    /architectures\[0\]: 'SCMP_ARCH_TEST' is no architecture such as SCMP_ARCH_X86_64/,
    /the architectures are SCMP_ARCH_X86, .*SCMP_ARCH_LOONGARCH64/,
  ],
  [
    { ...everything, architectures: ['SCMP_ARCH_AARCH46'] },
    /architectures/,
    /did you mean SCMP_ARCH_AARCH64\?/,
  ],
  [
    { ...everything, archMap: [{ architecture: 'SCMP_ARCH_ARM' }] },
    /archMap: is given together with architectures/,
  ],
  // a misspelt name would leave the call allowed
  [
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mout'], action: 'SCMP_ACT_ERRNO' }] },
    /syscalls\[0\]\.names\[0\]: there is no system call 'mout'/,
    /did you mean mount\?/,
  ],
];

for (const [profile, message, hint] of mistakes) {
  t.test(`a profile with a mistake is refused: ${message.source}`, async (t) => {
    const text = typeof profile === 'string' ? profile : JSON.stringify(profile);
    try {
      readProfile('p.json', text, facts);
      t.fail('it was accepted');
    } catch (error) {
      t.match(error, { name: 'UsageError', message });
      if (hint !== undefined) t.match(error, { hint });
    }
  });
}

t.test('null counts as missing, as in what Go writes', async (t) => {
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    archMap: [{ architecture: 'SCMP_ARCH_RISCV64', subArchitectures: null }],
    syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO', args: null, includes: null }],
  };
  t.equal(readProfile('p.json', JSON.stringify(profile), facts).policy.verdicts.size, 1);
});

t.test('an argument is compared as the name of the comparison says', async (t) => {
  const value = 2n ** 32n;
  for (const [operator, below, same, above] of [
    ['EQ', false, true, false],
    ['NE', true, false, true],
    ['LT', true, false, false],
    ['LE', true, true, false],
    ['GE', false, true, true],
    ['GT', false, false, true],
  ] as const) {
    const profile = profileOf(test({ value: Number(value), op: `SCMP_CMP_${operator}` }));
    const { bytes } = makeFilter({ ...request, profile });
    // read
    const isAllowed = (first: bigint) =>
      run(bytes, { architecture: audit.x64, number: 0, args: [first] }).answer === 0x7fff0000;
    t.same([value - 1n, value, value + 1n].map(isAllowed), [below, same, above], operator);
  }
});

t.test('numbers above 2^53 are exact', async (t) => {
  const text = JSON.stringify(test({ value: 77, op: 'SCMP_CMP_MASKED_EQ' })).replace(
    '77',
    '18446744073709551613',
  );
  const { policy } = readProfile('p.json', text, facts);
  t.equal(policy.verdicts.get('read')?.cases[0]?.tests[0]?.mask, 2n ** 64n - 3n);
});

t.test('flags of the filter are those of the profile', async (t) => {
  const flags = ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_TSYNC'];
  t.equal(readProfile('p.json', JSON.stringify({ ...everything, flags }), facts).flags, 6);
});

t.test(
  'a rule to refuse a call of another architecture has no effect, and one to allow a call that nobody knows',
  async (t) => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { names: ['s390_runtime_instr', 'socketcall', 'swapcontext'], action: 'SCMP_ACT_ERRNO' },
        { names: ['not_made_yet'], action: 'SCMP_ACT_LOG' },
      ],
    };
    t.doesNotThrow(() => readProfile('p.json', JSON.stringify(profile), facts));
  },
);

t.test(
  'a call that is newer than the profile does not exist, unless the profile allows what it does not name',
  async (t) => {
    const at = (profile: object, number: number): number =>
      run(makeFilter({ ...request, profile: profileOf(profile) }).bytes, { architecture: audit.x64, number })
        .answer;
    t.equal(at(everything, 462), 0x7fff0000, 'mseal, the newest');
    t.equal(at(everything, 463), 0x50026);
    t.equal(at(everything, 461), 0x80000000);
    const denying = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_KILL' }],
    };
    t.equal(at(denying, 463), 0x7fff0000);
    t.equal(at(denying, 101), 0);
    t.equal(at(denying, 0x40000000), 0x50026, 'x32 is closed all the same');
  },
);

t.test('a profile that refuses what the launch itself needs is refused', async (t) => {
  const names = ['execve', 'write', 'exit_group'];
  for (const missing of names) {
    const profile = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: names.filter((name) => name !== missing), action: 'SCMP_ACT_ALLOW' }],
    };
    t.throws(() => makeFilter({ ...request, profile: profileOf(profile) }), {
      name: 'UsageError',
      message: `p.json: refuses ${missing}, which the launch itself needs`,
      hint: `add ${missing} to the profile, or give it back with --allow ${missing}`,
    });
    const allowed = makeFilter({ ...request, profile: profileOf(profile), allow: [missing] });
    t.notOk(allowed.isReadable, 'prctl is refused, so nothing can be read back');
  }
  t.throws(() => makeFilter({ ...request, profile: profileOf(rule({})), allowNewPrivs: true }), {
    message: 'p.json: refuses setgroups, which the launch itself needs',
    hint: /--allow setgroups$/,
  });
});

t.test('an init process needs two calls more', async (t) => {
  const profile = profileOf(rule({ names: ['read'] }));
  t.throws(() => makeFilter({ ...request, profile, hasInit: true }), {
    name: 'UsageError',
    message: 'p.json: refuses prctl, which the launch itself needs',
  });
  t.doesNotThrow(() => makeFilter({ ...request, profile, hasInit: true, allow: ['prctl'] }));
});

t.test('log refuses nothing', async (t) => {
  for (const { file, text } of profiles) {
    const { bytes } = makeFilter({ ...request, profile: { file, text }, isLog: true });
    const answers = new Set(
      Array.from({ length: 500 }, (_, number) => run(bytes, { architecture: audit.x64, number }).answer),
    );
    t.same(answers, new Set([0x7ffc0000, 0x7fff0000]));
    for (const [architecture, number] of [
      [audit.i386, 1],
      [audit.x64, 0x40000000],
      [7, 7],
    ] as const)
      t.equal(run(bytes, { architecture, number }).answer, 0x7ffc0000);
  }
});

t.test('whatever is in the file, it is a profile or a UsageError with the name of the file', async (t) => {
  const words = fc.constantFrom(
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_CMP_EQ',
    'read',
    'CAP_CHOWN',
    '4.8',
    '',
    '__proto__',
  );
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, 0, 7, -1, 1e300, 2 ** 53),
      words,
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          ...'defaultAction syscalls names action args index value valueTwo op includes excludes caps arches minKernel archMap flags __proto__ x'.split(
            ' ',
          ),
        ),
        tie('json'),
      ),
    ),
  }));
  const texts = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.string(),
    // a good profile with a piece replaced
    fc
      .tuple(
        fc.constantFrom(...profiles),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat({ max: 40 }),
        fc.oneof(words, fc.string()),
      )
      .map(([{ text }, place, length, piece]) => {
        const at = Math.floor(place * text.length);
        return text.slice(0, at) + piece + text.slice(at + length);
      }),
    fc
      .record({
        defaultAction: words,
        syscalls: fc.array(fc.record({ names: fc.array(words), action: words, args: json, includes: json })),
      })
      .map((value) => JSON.stringify(value)),
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(texts, (text) => {
        try {
          readProfile('p.json', text, facts);
          return true;
        } catch (error) {
          return (
            error instanceof UsageError &&
            error.message.startsWith('p.json: ') &&
            !/[\u0000-\u001f\u007f]/.test(error.message)
          );
        }
      }),
      { numRuns: 3000 },
    ),
  );
});
