import t from 'tap';

import {
  always,
  answerTo,
  type ArgumentTest,
  asLog,
  closed,
  compares,
  equals,
  isRefused,
  low32,
  type Policy,
  type Verdict,
  withAllowed,
  withSmallRules,
} from '../../../lib/launch/seccomp/policy.ts';
import { answers, EPERM, refusal } from '../../../lib/launch/seccomp/seccomp-data.ts';

const refused = refusal(EPERM);

function policyOf(verdicts: Readonly<Record<string, Verdict>>, otherwise: number = answers.allow): Policy {
  return {
    verdicts: new Map(Object.entries(verdicts)),
    otherwise,
    newer: { than: 'known', answer: refused },
    closed,
    allows32bit: false,
  };
}

const when = (...tests: readonly ArgumentTest[]): Verdict => ({
  cases: [{ tests, answer: refused }],
  otherwise: answers.allow,
});

t.test('an argument is compared as an unsigned number, and the test can be negated', async (t) => {
  const hits = (test: ArgumentTest, ...values: readonly bigint[]): readonly boolean[] =>
    values.map((value) => answerTo(policyOf({ call: when(test) }), 'call', [0n, value]) === refused);
  t.same(hits(equals(1, 5), 4n, 5n, 6n), [false, true, false]);
  t.same(hits({ ...equals(1, 5), isNegated: true }, 4n, 5n, 6n), [true, false, true]);
  t.same(hits(equals(1, 5, low32), 5n, 5n + (1n << 32n), 7n), [true, true, false], 'the mask alone counts');
  t.same(hits(compares(1, 'above', 5n, false), 4n, 5n, 6n), [false, false, true]);
  t.same(hits(compares(1, 'atLeast', 5n, false), 4n, 5n, 6n, 2n ** 63n), [false, true, true, true]);
  t.same(hits(compares(1, 'atLeast', 5n, true), 4n, 5n), [true, false]);
});

t.test(
  'all tests of a case must hold, the first case counts, and an argument that is missing is 0',
  async (t) => {
    const policy = policyOf({
      call: {
        cases: [
          { tests: [equals(0, 1), equals(1, 2)], answer: refused },
          { tests: [equals(0, 1)], answer: answers.log },
        ],
        otherwise: answers.killProcess,
      },
    });
    t.equal(answerTo(policy, 'call', [1n, 2n]), refused);
    t.equal(answerTo(policy, 'call', [1n, 3n]), answers.log);
    t.equal(answerTo(policy, 'call', [2n, 2n]), answers.killProcess);
    t.equal(answerTo(policyOf({ call: when(equals(3, 0)) }), 'call', []), refused);
    t.equal(answerTo(policy, 'other', []), answers.allow, 'a call without a verdict');
  },
);

t.test('a call is refused always, or with some arguments', async (t) => {
  const shown = (verdict: Verdict): readonly boolean[] =>
    (['always', 'ever'] as const).map((how) => isRefused(policyOf({ call: verdict }), 'call', how));
  t.same(shown(always(refused)), [true, true]);
  t.same(shown(always(answers.allow)), [false, false]);
  t.same(shown(always(answers.log)), [false, false], 'a call that is logged happens');
  t.same(shown(when(equals(0, 1))), [false, true]);
  t.same(shown({ cases: [{ tests: [equals(0, 1)], answer: answers.allow }], otherwise: refused }), [
    false,
    true,
  ]);
  t.equal(isRefused(policyOf({}, refused), 'call', 'always'), true, 'the answer to any other call');
});

t.test('the small rules refuse keyrings and terminal injection wherever they could pass', async (t) => {
  const open = withSmallRules(policyOf({ ioctl: when(equals(0, 9)) }));
  for (const call of ['add_key', 'request_key', 'keyctl']) t.equal(answerTo(open, call, []), refused);
  const TIOCSTI = 0x5412n;
  t.equal(answerTo(open, 'ioctl', [0n, TIOCSTI]), refused);
  t.equal(answerTo(open, 'ioctl', [0n, TIOCSTI | (1n << 32n)]), refused, 'the kernel reads 32 bits of it');
  t.equal(answerTo(open, 'ioctl', [0n, 1n]), answers.allow);
  t.equal(answerTo(open, 'ioctl', [9n, 1n]), refused, "the policy's own cases stay");
  const shut = withSmallRules(policyOf({ keyctl: always(answers.killProcess) }, answers.killProcess));
  t.equal(answerTo(shut, 'keyctl', []), answers.killProcess, 'a stricter answer stays');
  t.equal(answerTo(shut, 'ioctl', [0n, TIOCSTI]), answers.killProcess);
});

t.test('a call that is given back is allowed whatever its arguments are', async (t) => {
  const policy = withAllowed(policyOf({ call: when(equals(0, 1)) }, refused), ['call', 'other']);
  t.equal(answerTo(policy, 'call', [1n]), answers.allow);
  t.equal(answerTo(policy, 'other', []), answers.allow);
  t.equal(answerTo(policy, 'third', []), refused);
});

t.test('a policy that only logs refuses nothing', async (t) => {
  const policy = asLog(policyOf({ call: when(equals(0, 1)) }, refused));
  t.equal(answerTo(policy, 'call', [1n]), answers.log);
  t.equal(answerTo(policy, 'call', [0n]), answers.allow, 'what is allowed is not logged');
  t.equal(answerTo(policy, 'other', []), answers.log);
  t.same([policy.newer.answer, policy.closed], [answers.log, { x32: answers.log, table: answers.log }]);
});
