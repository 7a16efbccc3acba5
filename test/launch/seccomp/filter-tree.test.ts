import * as fc from 'fast-check';
import t from 'tap';

import { callNumbers, type CallTable } from '../../../lib/launch/seccomp/call-table.ts';
import { makeFilter, type FilterRequest } from '../../../lib/launch/seccomp/filter.ts';
import { compileFilter } from '../../../lib/launch/seccomp/filter-tree.ts';
import type { Policy, Verdict } from '../../../lib/launch/seccomp/policy.ts';
import {
  evaluate,
  type Facts,
  type JsonProfile,
  type JsonRule,
} from '../../support/launch/seccomp/evaluator.ts';
import { audit, run } from '../../support/launch/seccomp/interpreter.ts';
import { capabilityNumber } from '../../../lib/launch/request/capabilities.ts';
import { profiles } from '../../support/launch/seccomp/profiles.ts';

const machines = [
  { architecture: 'x64', compat: 'i386', goArchitecture: 'amd64' },
  { architecture: 'arm64', compat: 'arm', goArchitecture: 'arm64' },
] as const;

// Beside each number that a profile compares with, and with a high bit.
function near(value: bigint): readonly bigint[] {
  return [value - 1n, value, value + 1n, value ^ (1n << 32n), value | (1n << 63n)].map((one) =>
    BigInt.asUintN(64, one),
  );
}

function samplesFor(rules: readonly JsonRule[], call: string): readonly (readonly bigint[])[] {
  const samples: bigint[][] = [[], [5n, 5n, 5n, 5n, 5n, 5n], Array<bigint>(6).fill(2n ** 64n - 1n)];
  for (const { names = [], args } of rules) {
    if (!names.includes(call)) continue;
    for (const { index, value, valueTwo = 0 } of args ?? [])
      for (const one of [...near(BigInt(value)), ...near(BigInt(valueTwo))])
        for (const other of [0n, 9n, 16n]) {
          const sample = Array<bigint>(6).fill(other);
          sample[index] = one;
          samples.push(sample);
        }
  }
  return samples;
}

const keyrings = new Set(['add_key', 'request_key', 'keyctl']);
const requests = new Set([0x5412n, 0x541cn]);

// What every launch refuses stands before the profile.
function expected(profile: JsonProfile, call: string, args: readonly bigint[], facts: Facts): number {
  const answer = evaluate(profile, call, args, facts);
  const isPermissive = answer === 0x7fff0000 || answer === 0x7ffc0000;
  const request = BigInt.asUintN(32, args[1] ?? 0n);
  if (isPermissive && (keyrings.has(call) || (call === 'ioctl' && requests.has(request)))) return 0x50001;
  return answer;
}

const base: Omit<FilterRequest, 'architecture'> = {
  caps: [],
  kernel: '6.12.0',
  isIsolated: false,
  isLog: false,
  profile: undefined,
  allow: [],
  allowNewPrivs: false,
  hasInit: false,
};

for (const { file, text } of profiles) {
  const profile = JSON.parse(text) as JsonProfile;
  const rules = profile.syscalls ?? [];
  for (const { architecture, compat, goArchitecture } of machines) {
    for (const [caps, kernel] of [
      [[], '6.12.0'],
      [['CAP_SYS_ADMIN', 'CAP_AUDIT_WRITE', 'CAP_BPF'], '4.7.9-odd'],
      [['CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_TIME'], '4.8-rc1'],
    ] as const) {
      t.test(
        `${file} on ${architecture} with ${caps.join(',') || 'no capabilities'}: every call is answered as the JSON says`,
        async (t) => {
          const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
          const facts = { goArchitecture, caps, kernel: [major, minor] } as const;
          const { bytes } = makeFilter({
            ...base,
            architecture,
            caps: caps.map((cap) => capabilityNumber(cap) ?? -1),
            kernel,
            profile: { file, text },
            allow: ['32bit'],
          });
          let checked = 0;
          for (const table of [architecture, compat] as const) {
            for (const [call, number] of callNumbers(table)) {
              for (const args of samplesFor(rules, call)) {
                const { answer } = run(bytes, { architecture: audit[table], number, args });
                const wanted = expected(profile, call, args, facts);
                // a call that is newer than the profile does not exist
                if (answer === wanted || (answer === 0x50026 && number > 450)) checked++;
                else
                  t.equal(answer.toString(16), wanted.toString(16), `${table} ${call}(${args.join(', ')})`);
              }
            }
          }
          t.ok(checked > 2000, `${checked} calls`);
        },
      );
    }
  }
}

const tests = fc.record({
  index: fc.nat({ max: 5 }),
  kind: fc.constantFrom('equal' as const, 'atLeast' as const, 'above' as const),
  value: fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 1n, 1n << 32n, 2n ** 64n - 1n),
  ),
  mask: fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 0xffffffffn, 0xffffffffn << 32n, 2n ** 64n - 1n),
  ),
  isNegated: fc.boolean(),
});
const answer = fc.oneof(
  fc.constantFrom(0x7fff0000, 0x7ffc0000, 0x80000000, 0, 0x30000),
  fc.integer({ min: 0, max: 4095 }).map((errno) => 0x50000 + errno),
);
const verdicts: fc.Arbitrary<Verdict> = fc.record({
  cases: fc.array(fc.record({ tests: fc.array(tests, { maxLength: 3 }), answer }), { maxLength: 4 }),
  otherwise: answer,
});
const x64Calls = callNumbers('x64');
const policies: fc.Arbitrary<Policy> = fc.record({
  verdicts: fc
    .array(fc.tuple(fc.constantFrom(...x64Calls.keys()), verdicts), { maxLength: 400 })
    .map((entries) => new Map(entries)),
  otherwise: answer,
  newer: fc.record({ than: fc.constantFrom('known' as const, 'named' as const), answer }),
  closed: fc.record({ x32: answer, table: answer }),
  allows32bit: fc.boolean(),
});

function judge({ cases, otherwise }: Verdict, args: readonly bigint[]): number {
  const hit = cases.find(({ tests }) =>
    tests.every(({ index, kind, value, mask, isNegated }) => {
      const arg = args[index] ?? 0n;
      const holds = kind === 'equal' ? (arg & mask) === value : kind === 'above' ? arg > value : arg >= value;
      return holds !== isNegated;
    }),
  );
  return hit?.answer ?? otherwise;
}

function newestOf({ newer, verdicts }: Policy, table: CallTable): number {
  const calls = [...callNumbers(table)].filter(
    ([call, number]) => number < 0xf0000 && (newer.than === 'known' || verdicts.has(call)),
  );
  return Math.max(-1, ...calls.map(([, number]) => number));
}

t.test('a filter answers as its policy, whatever the call and its arguments', async (t) => {
  const argument = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 1n, 2n, 1n << 32n, (1n << 32n) - 1n, 2n ** 64n - 1n),
  );
  const calls = fc.array(fc.tuple(fc.nat({ max: 520 }), fc.array(argument, { minLength: 6, maxLength: 6 })), {
    minLength: 20,
    maxLength: 60,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        policies,
        calls,
        fc.constantFrom(...machines),
        (policy, calls, { architecture, compat }) => {
          const filter = compileFilter(policy, architecture);
          const fixed = [...policy.verdicts].flatMap(([call, { cases }]) =>
            cases.flatMap(({ tests }) =>
              tests.flatMap(({ index, value }): (readonly [number, bigint[]])[] => {
                const args = Array<bigint>(6).fill(value);
                args[index] = value;
                const number = callNumbers(architecture).get(call);
                return number === undefined ? [] : [[number, args]];
              }),
            ),
          );
          for (const table of [architecture, compat] as const) {
            const names = new Map([...callNumbers(table)].map(([call, number]) => [number, call]));
            const newest = newestOf(policy, table);
            for (const [number, args] of [...calls, ...fixed]) {
              const own = policy.verdicts.get(names.get(number) ?? '');
              const isFiltered = table === architecture || policy.allows32bit;
              const wanted = !isFiltered
                ? policy.closed.table
                : number > newest
                  ? policy.newer.answer
                  : own === undefined
                    ? policy.otherwise
                    : judge(own, args);
              if (run(filter, { architecture: audit[table], number, args }).answer !== wanted) return false;
            }
          }
          return (
            run(filter, { architecture: 1, number: 0 }).answer === policy.closed.table &&
            (architecture !== 'x64' ||
              run(filter, { architecture: audit.x64, number: 0x40000000 + 59 }).answer === policy.closed.x32)
          );
        },
      ),
      { numRuns: 150 },
    ),
  );
});

t.test("numbers that no call has are newer ones, beside ARM's own calls too", async (t) => {
  const policy: Policy = {
    verdicts: new Map([['set_tls', { cases: [], otherwise: 0x50005 }]]),
    otherwise: 0x7fff0000,
    newer: { than: 'known', answer: 0x50026 },
    closed: { x32: 0, table: 0 },
    allows32bit: true,
  };
  const filter = compileFilter(policy, 'arm64');
  const names = new Map([...callNumbers('arm')].map(([call, number]) => [number, call]));
  const own = [...names.keys()].filter((number) => number > 0xf0000);
  t.same(own, [0xf0001, 0xf0002, 0xf0003, 0xf0004, 0xf0005, 0xf0006]);
  for (const number of [600, 0xeffff, 0xf0000, ...own, 0xf0007, 0xf0008, 0xfffff]) {
    const call = names.get(number);
    const wanted = call === undefined ? 0x50026 : call === 'set_tls' ? 0x50005 : 0x7fff0000;
    t.equal(run(filter, { architecture: audit.arm, number }).answer, wanted, number.toString(16));
  }
});

t.test(
  'a policy with a verdict of its own for each call is compiled, with jumps over more than 255 instructions',
  async (t) => {
    const verdicts = new Map(
      [...x64Calls].map(([call, number]): [string, Verdict] => [
        call,
        { cases: [], otherwise: 0x50000 + (number % 4000) },
      ]),
    );
    const policy: Policy = {
      verdicts,
      otherwise: 0,
      newer: { than: 'known', answer: 0 },
      closed: { x32: 0, table: 0 },
      allows32bit: false,
    };
    const filter = compileFilter(policy, 'x64');
    t.ok(filter.length / 8 > 700);
    for (const [call, number] of x64Calls)
      if (run(filter, { architecture: audit.x64, number }).answer !== 0x50000 + number) t.fail(call);
  },
);

t.test('a number is decided in as many steps as a tree is deep', async (t) => {
  for (const { file, text } of [...profiles, { file: 'isolate', text: '' }]) {
    const profile = text === '' ? undefined : { file, text };
    const { bytes } = makeFilter({ ...base, architecture: 'x64', isIsolated: true, profile });
    const args = Array<bigint>(6).fill(0n);
    for (let number = 0; number < 480; number++) {
      const { steps } = run(bytes, { architecture: audit.x64, number, args });
      if (steps > 40) t.fail(`${file}: call ${number} takes ${steps} steps`);
    }
    t.ok(bytes.length / 8 < 160, `${file}: ${bytes.length / 8} instructions`);
  }
});

t.test('a filter is refused if it is larger than the kernel takes', async (t) => {
  // a mask of 32 bits spares two instructions
  const compile = (masks: readonly bigint[]): Buffer => {
    const cases = masks.map((mask, i) => ({
      tests: [{ index: 0, kind: 'equal' as const, value: BigInt(i), mask, isNegated: false }],
      answer: 0,
    }));
    const policy: Policy = {
      verdicts: new Map([['read', { cases, otherwise: 1 }]]),
      otherwise: 0,
      newer: { than: 'known', answer: 0 },
      closed: { x32: 0, table: 0 },
      allows32bit: false,
    };
    return compileFilter(policy, 'x64');
  };
  const masks = Array<bigint>(1018).fill(2n ** 64n - 1n);
  t.equal(compile([...masks, 2n ** 32n - 1n]).length / 8, 4096);
  t.throws(() => compile([...masks, 2n ** 64n - 1n]), {
    name: 'UsageError',
    message: /makes 4098 instructions, and the kernel takes 4096/,
  });
});
