import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { Beginning, encodePlan } from '../../../lib/launch/plan/encode.ts';
import { buildPlan } from '../../support/plan.ts';
import { withProgram } from '../../../lib/launch/plan/launch.ts';
import type { Step, StepName } from '../../../lib/launch/plan/step.ts';
import { stepFlags } from '../../../lib/launch/plan/step-row.ts';
import { flagsOf, rowOf, stepTable } from '../../../lib/launch/plan/table.ts';
import { namespacesOf } from '../../../lib/launch/request/isolation-value.ts';
import { isolatedInputs, planInputs } from '../../support/launch/arbitrary.ts';

const header = readFileSync(`${import.meta.dirname}/../../../../native/plan/plan.h`, 'utf8');
const opsOfHeader = new Map(
  [...header.matchAll(/^ {2}OP_(\w+) = (\d+),/gm)].map(([, name = '', number]) => [name, Number(number)]),
);
const opOf = new Map(Object.entries(stepTable).map(([name, { op }]) => [name, op]));

// The names in the header that are not the step's name in capitals.
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
  not_dumpable: 'PRCTL',
  end_with_parent: 'PARENT_DEATH_SIGNAL',
  user_namespace: 'UNSHARE',
  id_map: 'SYSCTL',
  mkfile: 'MKNOD',
  verify_capabilities: 'VERIFY_CAPS',
  landlock_path: 'LANDLOCK_RULE',
  landlock_ports: 'LANDLOCK_RULE',
  landlock_restrict_self: 'LANDLOCK_RESTRICT',
  tcp_filter: 'SECCOMP',
  verify_tcp_filter: 'VERIFY_LANDLOCK',
  outbound_routes: 'NETLINK',
  outbound_rules: 'NETLINK',
  outbound_sockets: 'HAND_SOCKETS',
  listen_network: 'HAND_SOCKETS',
};

interface Decoded {
  readonly op: number;
  readonly flags: number;
  /** From 0. */
  readonly stage: number;
  readonly a: bigint;
  readonly b: bigint;
  readonly data: Buffer;
  /** The offset of the data in the plan. */
  readonly dataStart: number;
  readonly padding: Buffer;
}

function decode(plan: Buffer): readonly Decoded[] {
  const decoded: Decoded[] = [];
  let at = 16;
  for (let stage = 0; stage < plan.readUInt32LE(8); stage++) {
    const steps = plan.readUInt32LE(at);
    at += 8;
    for (let i = 0; i < steps; i++) {
      const dataStart = at + 24;
      const end = dataStart + plan.readUInt32LE(at + 4);
      const next = Math.ceil(end / 8) * 8;
      decoded.push({
        op: plan.readUInt16LE(at),
        flags: plan.readUInt16LE(at + 2),
        stage,
        a: plan.readBigUInt64LE(at + 8),
        b: plan.readBigUInt64LE(at + 16),
        data: plan.subarray(dataStart, end),
        dataStart,
        padding: plan.subarray(end, next),
      });
      at = next;
    }
  }
  if (at !== plan.length) throw new Error(`${plan.length - at} bytes are left`);
  return decoded;
}

function encodeOne(step: Step): Decoded {
  const [decoded] = decode(encodePlan([[step]]));
  if (decoded === undefined) throw new Error(`${step.op} was not encoded`);
  return decoded;
}

function numbersOf(step: Step): readonly bigint[] {
  const { a, b } = encodeOne(step);
  return [a, b];
}

const execveOf = (argv: readonly Buffer[]): Step & { op: 'execve' } => ({
  op: 'execve',
  program: Buffer.from('/p'),
  argv,
  env: [Buffer.from('A=b')],
});

t.test('op numbers are those of native/plan/plan.h', async (t) => {
  for (const [name, number] of opOf) {
    const wanted = otherNames[name as StepName] ?? name.toUpperCase();
    t.equal(opsOfHeader.get(wanted), number, `${name} is OP_${wanted}`);
  }
});

t.test('native/plan/plan.h has no op that no step uses', async (t) => {
  t.same(
    [...opsOfHeader.values()],
    [...new Set(opOf.values())].toSorted((x, y) => x - y),
  );
});

t.test('flags are those of native/plan/plan.h, but for the one of a step that is not run', async (t) => {
  const flagsOfHeader = [...header.matchAll(/^ {2}STEP_(\w+) = (\d+),/gm)].map(
    ([, name = '', number]) => [name, Number(number)] as const,
  );
  const inCapitals = (name: string): string => name.replaceAll(/[A-Z]/g, '_$&').toUpperCase();
  t.same(
    flagsOfHeader.filter(([name]) => name !== 'DONE'),
    Object.entries(stepFlags).map(([name, number]) => [inCapitals(name), number]),
  );
  const all = flagsOfHeader.reduce((sum, [, number]) => sum | number, 0);
  t.equal(all, 0xffff, 'each bit is one, so that none is left to refuse');
});

t.test('a plan begins with magic number, size, number of stages, and whether it is usual', async (t) => {
  const magic = /kPlanMagic = (0x[0-9a-f]+)/.exec(header)?.[1];
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const stages = buildPlan(input);
        const plan = encodePlan(stages);
        const { allowNewPrivs, caps } = input.request;
        const usual = !allowNewPrivs && caps.length === 0 && input.filter === undefined ? 1 : 0;
        const words = [0, 4, 8, 12].map((at) => plan.readUInt32LE(at));
        return words.join() === [Number(magic), plan.length, stages.length, usual].join();
      }),
    ),
  );
});

t.test(
  'an isolated plan is for a prepared thread without a filter, if its own filter closes the keyrings',
  async (t) => {
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(isolatedInputs, (input) => {
          const flags = encodePlan(buildPlan(input)).readUInt32LE(12);
          const { allowNewPrivs, caps } = input.request;
          const closed = !allowNewPrivs && caps.length === 0 && input.filter?.closesKeyrings === true;
          const isCloned = namespacesOf(input.request).includes('pid') && input.isCompiled !== true;
          return (
            ((flags & 8) !== 0) === (closed && isCloned) &&
            (namespacesOf(input.request).length === 0 || (flags & 1) === 0)
          );
        }),
      ),
    );
  },
);

t.test('the flags of a plan are those of native/plan/plan.h', async (t) => {
  const flag = (name: string): number =>
    Number(new RegExp(`PLAN_${name} = (\\d+)`).exec(header)?.[1] ?? 'none');
  const flagsOfPlan = (...steps: readonly Step[]): number => encodePlan([steps]).readUInt32LE(12);
  const limits = { memory: undefined, swap: undefined, pids: 5, cpu: undefined, ioWeight: undefined };
  const cgroup: Step = { op: 'cgroup', limits, lines: ['N'] };
  t.equal(flagsOfPlan({ op: 'setsid' }), 0);
  const plain = planInputs.filter(
    ({ request, filter }) => !request.allowNewPrivs && request.caps.length === 0 && filter === undefined,
  );
  for (const input of fc.sample(plain, 5))
    t.equal(encodePlan(buildPlan(input)).readUInt32LE(12), flag('USUAL'));
  t.equal(flagsOfPlan(cgroup), flag('CGROUP'));
  t.equal(flagsOfPlan({ op: 'unshare', namespaces: ['net'] }), flag('NETWORK'));
  t.equal(
    flagsOfPlan(cgroup, { op: 'unshare', namespaces: ['net'], cloned: true }),
    flag('CGROUP') | flag('CLONED') | flag('NETWORK'),
  );
});

t.test('a plan that shares its beginning with others is encoded like every other', async (t) => {
  const small = Array.from({ length: 6 }, (_, i) => Buffer.from(`argument ${i}`));
  const stages: readonly (readonly Step[])[] = [
    [{ op: 'setsid' }, { op: 'chdir', path: Buffer.from('/a') }],
    [{ op: 'umask', mask: 0o22, exact: true }],
  ];
  for (const setUp of [stages, stages.slice(0, 1)]) {
    const beginning = new Beginning(setUp);
    for (const argv of [[], small, [Buffer.alloc(40_000, 1)], small.slice(3)])
      t.same(beginning.with(execveOf(argv)), encodePlan(withProgram(setUp, execveOf(argv))));
  }
});

t.test('each step follows the one before, padded with zero bytes to a multiple of 8', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const steps = buildPlan(input).flat();
        // The same steps in several stages.
        const cut = Math.min(steps.length - 1, input.argv.length);
        const stages = input.newGroup === true ? [steps.slice(0, cut), steps.slice(cut)] : [steps];
        const decoded = decode(encodePlan(stages));
        const expected = stages.flatMap((stage, index) =>
          stage.map((step) => [index, rowOf(step).op, flagsOf(step)].join()),
        );
        return (
          decoded.map(({ stage, op, flags }) => [stage, op, flags].join()).join(';') === expected.join(';') &&
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

t.test('the data of execve is a table of five offsets and the strings, and nothing else', async (t) => {
  const { data } = encodeOne(execveOf([Buffer.from('p')]));
  t.equal(data.subarray(5 * 8).toString('latin1'), '/p\0p\0A=b\0');
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
    ['cap', 'RLIMIT_CAP'],
  ] as const) {
    const number = new RegExp(`\\b${name} = (\\d)`).exec(header)?.[1];
    t.equal(encodeOne({ op: 'setrlimit', resource: 'core', limit, mode }).b, BigInt(number ?? 'none'));
  }
});

t.test('capabilities become a mask, also above bit 31', async (t) => {
  t.equal(encodeOne({ op: 'capset', capabilities: [0, 10, 40] }).a, 1n | (1n << 10n) | (1n << 40n));
  t.same(numbersOf({ op: 'capset', capabilities: [5] }), [32n, 0n]);
  t.same(numbersOf({ op: 'capset', capabilities: [5], effective: true }), [32n, 32n]);
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
