import { constants } from 'node:os';

import * as fc from 'fast-check';
import t from 'tap';

import { buildPlan } from '../../support/plan.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { stepWords } from '../../../lib/launch/compile/messages.ts';
import { planInputs } from '../../support/launch/arbitrary.ts';
import { viewOf } from '../../support/launch/view.ts';

const ENOENT = 2;
const EACCES = 13;

t.test('there are words for every step, in one line each, that begin with its name', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) => {
        const steps = buildPlan(input).flat();
        const { heads, reasons, errors } = stepWords(steps, viewOf({}));
        const lines = [...heads, ...reasons.flatMap(({ text, hint }) => [text, hint ?? 'none'])];
        return (
          heads.length === steps.length &&
          heads.every((head, index) => head.startsWith(`${steps[index]?.op}:`) && head.endsWith(':')) &&
          lines.every((line) => line !== '' && !line.includes('\n')) &&
          reasons.every(({ errno }) => errors.some((known) => known.errno === errno))
        );
      }),
      { numRuns: 30 },
    ),
  );
});

const steps: readonly Step[] = [
  { op: 'keep_listen_fds' },
  { op: 'drop_bounding_set', keep: [] },
  { op: 'verify_uid', uid: 7 },
  { op: 'execve', program: Buffer.from('/bin/ls'), argv: [Buffer.from('ls')], env: [] },
];
const words = stepWords(steps, viewOf({}));

function reasonFor(step: number, errno: number): string {
  const found = words.reasons.find((reason) => reason.step === step && reason.errno === errno);
  return found === undefined ? '' : `${found.text} | ${found.hint ?? ''}`;
}

t.test('what a failure adds has its place in them', async (t) => {
  t.equal(words.heads[0], 'keep_listen_fds: descriptor \u0001:');
  t.match(reasonFor(0, 9), /^is not open \| /);
  t.match(reasonFor(1, 1), /^capability \u0001 could not be dropped \| it needs CAP_SETPCAP/);
});

t.test('what only a look into the jail could tell is told without it', async (t) => {
  t.match(
    reasonFor(3, ENOENT),
    /^not found in the jail, or its interpreter was not found \| uchroot --plan \d+:\d+ .*\/bin\/ls tells the cause/,
  );
  t.match(reasonFor(3, EACCES), /^cannot be executed: permission denied \| /);
  t.equal(reasonFor(2, 52), 'the ids read back are not the ones that were set | ');
});

t.test('an errno of a server that is gone, or of a launcher that was killed, has its words', async (t) => {
  for (const name of ['ENOTCONN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ECANCELED'] as const)
    t.match(
      words.errors.find(({ errno }) => errno === constants.errno[name]),
      { name, text: /^[a-z ]+$/ },
      name,
    );
});
