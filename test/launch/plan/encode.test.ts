import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { encodePlan } from '../../../lib/launch/plan/encode.ts';
import { opNumbers } from '../../../lib/launch/plan/operation.ts';
import { buildPlan } from '../../../lib/launch/plan/plan.ts';
import type { Step, StepName } from '../../../lib/launch/plan/step.ts';
import { planInputs } from '../arbitrary.ts';

const header = readFileSync(`${import.meta.dirname}/../../../native/plan.h`, 'utf8');
const opsOfHeader = new Map(
  [...header.matchAll(/^ {2}OP_(\w+) = (\d+),/gm)].map(([, name = '', number]) => [name, Number(number)]),
);

// Where the header's name is not the step's in capitals.
const otherNames: Partial<Record<StepName, string>> = {
  join_session_keyring: 'KEYCTL_JOIN_SESSION',
  setrlimit: 'RLIMIT',
  setpriority: 'NICE',
  sched_setscheduler: 'SCHEDULER',
  ioprio_set: 'IOPRIO',
  fchdir: 'FCHDIR_JAIL',
  drop_bounding_set: 'CAPBSET_DROP',
  clear_ambient: 'CAP_AMBIENT_CLEAR',
  raise_ambient: 'CAP_AMBIENT_RAISE',
  timer_slack: 'PRCTL',
  child_subreaper: 'PRCTL',
  keep_capabilities: 'PRCTL',
  no_new_privs: 'PRCTL',
  verify_capabilities: 'VERIFY_CAPS',
};

interface Decoded {
  readonly op: number;
  readonly a: bigint;
  readonly b: bigint;
  readonly data: Buffer;
  /** Where the data begins in the plan. */
  readonly dataStart: number;
  readonly padding: Buffer;
}

function decode(plan: Buffer): readonly Decoded[] {
  const decoded: Decoded[] = [];
  for (let at = 16; at < plan.length;) {
    const dataStart = at + 24;
    const end = dataStart + plan.readUInt32LE(at + 4);
    const next = Math.ceil(end / 8) * 8;
    decoded.push({
      op: plan.readUInt32LE(at),
      a: plan.readBigUInt64LE(at + 8),
      b: plan.readBigUInt64LE(at + 16),
      data: plan.subarray(dataStart, end),
      dataStart,
      padding: plan.subarray(end, next),
    });
    at = next;
  }
  return decoded;
}

function encodeOne(step: Step): Decoded {
  const [decoded] = decode(encodePlan([step]));
  if (decoded === undefined) throw new Error(`${step.op} was not encoded`);
  return decoded;
}

function numbersOf(step: Step): readonly bigint[] {
  const { a, b } = encodeOne(step);
  return [a, b];
}

t.test('op numbers are those of native/plan/plan.h', async (t) => {
  for (const [name, number] of Object.entries(opNumbers)) {
    const wanted = otherNames[name as StepName] ?? name.toUpperCase();
    t.equal(opsOfHeader.get(wanted), number, `${name} is OP_${wanted}`);
  }
});

t.test(
  'native/plan/plan.h has no op that no step uses, but for the one of a step that is crossed out',
  async (t) => {
    t.same(
      [...opsOfHeader].filter(([name]) => name !== 'DONE').map(([, number]) => number),
      [...new Set(Object.values(opNumbers))].toSorted((x, y) => x - y),
    );
  },
);

t.test('a plan begins with magic number, size, number of steps and zero', async (t) => {
  const magic = /kPlanMagic = (0x[0-9a-f]+)/.exec(header)?.[1];
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const steps = buildPlan(input);
        const plan = encodePlan(steps);
        const words = [0, 4, 8, 12].map((at) => plan.readUInt32LE(at));
        return words.join() === [Number(magic), plan.length, steps.length, 0].join();
      }),
    ),
  );
});

t.test('each step follows the one before, padded with zero bytes to a multiple of 8', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const steps = buildPlan(input);
        const decoded = decode(encodePlan(steps));
        return (
          decoded.map(({ op }) => op).join() === steps.map(({ op }) => opNumbers[op]).join() &&
          decoded.every(({ padding }) => padding.length < 8 && padding.every((byte) => byte === 0))
        );
      }),
    ),
  );
});

t.test('the table of execve leads to program, arguments and environment, each with its NUL', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const plan = encodePlan(buildPlan(input));
        const last = decode(plan).at(-1);
        if (last === undefined) return false;
        const strings = [input.program, ...input.argv, undefined, ...input.env, undefined];
        return (
          Number(last.a) === input.argv.length &&
          Number(last.b) === input.env.length &&
          strings.every((string, slot) => {
            const offset = Number(last.data.readBigUInt64LE(slot * 8));
            if (string === undefined) return offset === 0;
            return plan.subarray(offset, plan.indexOf(0, offset)).equals(string);
          })
        );
      }),
    ),
  );
});

t.test('an id keeps all of its 32 bits', async (t) => {
  t.equal(encodeOne({ op: 'setresuid', uid: 2 ** 32 - 2 }).a, 0xfffffffen);
  t.equal(encodeOne({ op: 'setgroups', gids: [5, 2 ** 32 - 2] }).data.toString('hex'), '05000000feffffff');
});

t.test('no limit is all bits, and a limit beyond 32 bits is whole', async (t) => {
  const limit = { soft: 2 ** 40 + 5, hard: Infinity };
  const { a, b, data } = encodeOne({ op: 'setrlimit', resource: 'as', limit, mode: 'set' });
  t.same([a, b], [9n, 0n]);
  t.same([data.readBigUInt64LE(0), data.readBigUInt64LE(8)], [2n ** 40n + 5n, 2n ** 64n - 1n]);
});

t.test('the mode of a limit is the number of RlimitMode', async (t) => {
  const limit = { soft: 1, hard: 1 };
  for (const [mode, name] of [
    ['set', 'RLIMIT_SET'],
    ['cap-soft', 'RLIMIT_CAP_SOFT'],
    ['set-soft', 'RLIMIT_SET_SOFT'],
  ] as const) {
    const number = new RegExp(`\\b${name} = (\\d)`).exec(header)?.[1];
    t.equal(encodeOne({ op: 'setrlimit', resource: 'core', limit, mode }).b, BigInt(number ?? 'none'));
  }
});

t.test('capabilities become a mask, also above bit 31', async (t) => {
  t.equal(encodeOne({ op: 'capset', capabilities: [0, 10, 40] }).a, 1n | (1n << 10n) | (1n << 40n));
  t.equal(encodeOne({ op: 'drop_bounding_set', keep: [] }).a, 0n);
});

t.test('the groups to verify come with as much scratch space', async (t) => {
  const { data } = encodeOne({ op: 'verify_groups', gids: [4, 1000] });
  t.equal(data.toString('hex'), '04000000e80300000000000000000000');
});

t.test('prctl options are those of linux/prctl.h', async (t) => {
  t.same(numbersOf({ op: 'no_new_privs' }), [38n, 1n]);
  t.same(numbersOf({ op: 'keep_capabilities' }), [8n, 1n]);
  t.same(numbersOf({ op: 'child_subreaper', on: false }), [36n, 0n]);
  t.same(numbersOf({ op: 'timer_slack', nanoseconds: 50_000 }), [29n, 50_000n]);
});
