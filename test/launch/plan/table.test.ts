import { readdirSync, readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { essentialSteps } from '../../../lib/launch/host/privilege.ts';
import { describeStep, stepTable } from '../../../lib/launch/plan/table.ts';
import { capabilityNames } from '../../../lib/launch/request/capabilities.ts';
import { buildPlan } from '../../support/plan.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { planInputs } from '../../support/launch/arbitrary.ts';

const object = (step: Step): string | undefined => describeStep(step).object;

t.test('every step of every plan has a call and a purpose, each in one line', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, (input) =>
        buildPlan(input)
          .flat()
          .every((step) => {
            const { call, object = '', purpose } = describeStep(step);
            return call !== '' && purpose !== '' && ![call, object, purpose].join('').includes('\n');
          }),
      ),
    ),
  );
});

t.test('numbers are shown as they are usually written', async (t) => {
  t.equal(object({ op: 'umask', mask: 0o022, exact: true }), '022');
  t.equal(object({ op: 'umask', mask: 0o022, exact: false }), 'at least 022');
  t.equal(object({ op: 'setgroups', gids: [29, 1001] }), '29,1001');
  t.equal(object({ op: 'setgroups', gids: [] }), 'none');
  t.equal(object({ op: 'capset', capabilities: [0, 10] }), 'CAP_CHOWN,CAP_NET_BIND_SERVICE');
  t.equal(object({ op: 'capset', capabilities: [] }), 'none');
});

t.test('a limit is shown as what becomes of it', async (t) => {
  const limit = { soft: 5, hard: Infinity };
  const show = (mode: 'set' | 'cap-soft' | 'set-soft' | 'cap'): string | undefined =>
    object({ op: 'setrlimit', resource: 'core', limit, mode });
  t.equal(show('set'), 'core soft 5 hard unlimited');
  t.equal(show('cap-soft'), 'core soft at most 5');
  t.equal(show('set-soft'), 'core soft 5');
  t.equal(show('cap'), 'core soft at most 5 hard at most unlimited');
});

t.test('paths are shown on one line', async (t) => {
  t.equal(object({ op: 'chdir', path: Buffer.from('/a\nb') }), String.raw`/a\nb`);
});

t.test('the rows of the steps that every launch needs name the capability that is looked for', async (t) => {
  for (const { step, needs, number } of essentialSteps) {
    t.equal(stepTable[step].needs, needs);
    t.equal(`CAP_${capabilityNames[Number(number)]?.toUpperCase()}`, needs);
  }
});

const native = `${import.meta.dirname}/../../../../native`;

t.test('no native file but the interpreter names an op', async (t) => {
  const files = readdirSync(native, { recursive: true, encoding: 'utf8' });
  const naming = files
    .filter((file) => /\.(cc|h)$/.test(file) && !file.startsWith('plan/'))
    .filter((file) => /\bOP_[A-Z]/.test(readFileSync(`${native}/${file}`, 'utf8')));
  t.ok(files.length > 50);
  t.same(naming, []);
});
