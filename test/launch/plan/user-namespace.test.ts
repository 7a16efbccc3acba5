// The order of a launch without root, for all requests.
import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import type { Outside } from '../../../lib/launch/host/account.ts';
import { keptOwnNamespaces, shareable, withoutClone } from '../../../lib/launch/plan/isolated.ts';
import { mapIds } from '../../../lib/launch/plan/user-namespace.ts';
import { buildPlan, type PlanInput } from '../../support/plan.ts';
import type { Plan, Step, StepName } from '../../../lib/launch/plan/step.ts';
import { namespacesOf } from '../../../lib/launch/request/isolation-value.ts';
import { quote } from '../../../lib/words/quote.ts';
import { isolatedInputs } from '../../support/launch/arbitrary.ts';

const id = fc.integer({ min: 1, max: 2 ** 32 - 2 });

const asRootless = (input: PlanInput, outside: Outside): PlanInput => ({
  ...input,
  request: { ...input.request, rootless: true },
  account: { ...input.account, outside },
});

const rootless: fc.Arbitrary<PlanInput> = fc
  .tuple(
    isolatedInputs.filter(({ request }) => request.isolate),
    fc.record({ uid: id, gid: id, groups: fc.array(id, { maxLength: 3 }) }),
  )
  .map(([input, outside]) => asRootless(input, outside));

function always(t: Test, holds: (plan: Plan, steps: readonly Step[], input: PlanInput) => boolean): void {
  fc.assert(
    fc.property(rootless, (input) => {
      const plan = buildPlan(input);
      return holds(plan, plan.flat(), input);
    }),
  );
  t.pass();
}

const placeOf = (steps: readonly Step[], op: StepName): number => steps.findIndex((step) => step.op === op);
const placesOf = (steps: readonly Step[], op: StepName): readonly number[] =>
  steps.flatMap((step, i) => (step.op === op ? [i] : []));

t.test('ids are mapped before anything else, and setgroups is denied before the gid', async (t) => {
  const account = { uid: 5, gid: 6, groups: [], memberships: [], name: undefined, home: '/', shell: '' };
  const maps = mapIds(account, { uid: 1000, gid: 1001, groups: [4] });
  t.same(
    maps.map((step) => (step.op === 'id_map' ? [step.file, step.value] : step)),
    [
      ['uid_map', '5 1000 1'],
      ['setgroups', 'deny'],
      ['gid_map', '6 1001 1'],
    ],
  );
  always(t, (plan, [first, ...steps]) => {
    const isFirst =
      first?.op === 'user_namespace' && first.cloned === true && first.namespaces.join() === 'pid';
    // a rehearsal is not born in it
    const [made] = withoutClone(plan);
    if (JSON.stringify(made) !== '[{"op":"user_namespace","namespaces":["pid"]}]') return false;
    return isFirst && steps.slice(0, 3).every(({ op }) => op === 'id_map') && plan.length === 2;
  });
});

t.test('no step asks for what only root of the host can do', async (t) => {
  always(t, (_, steps) => {
    const roots = new Set<StepName>(['setgroups', 'sysctl', 'mknod', 'setns']);
    return steps.every((step) => !roots.has(step.op) && !(step.op === 'mount' && step.type === 'proc'));
  });
});

t.test('trees are copied in the new mount namespace, while the host is in sight', async (t) => {
  always(t, (_, steps) => {
    const leaves = steps.findIndex((step) => step.op === 'unshare' && step.namespaces.includes('mount'));
    const [reopens, pivots] = [placeOf(steps, 'reopen_jail'), placeOf(steps, 'pivot_root')];
    const opened = [...placesOf(steps, 'open_tree'), ...placesOf(steps, 'new_tree')].filter(
      (place) => steps[place]?.within === undefined,
    );
    return (
      placeOf(steps, 'fchdir') < leaves &&
      leaves < reopens &&
      opened.every((place) => place > reopens && place < pivots)
    );
  });
});

t.test('each tree that is opened is used once', async (t) => {
  always(t, (_, steps) => {
    const opened = steps.flatMap((step) =>
      step.op === 'open_tree' || step.op === 'new_tree' ? [step.slot] : [],
    );
    const used = steps.flatMap((step) => {
      if (step.op === 'move_mount') return [step.slot];
      if (step.op !== 'pivot_root') return [];
      return [step.slot, ...(step.overlay?.slot === undefined ? [] : [step.overlay.slot])];
    });
    const sorted = (slots: readonly number[]): string => String(slots.toSorted((a, b) => a - b));
    return sorted(opened) === sorted(used) && opened.every((slot) => slot < 64);
  });
});

t.test(
  'a launch that joins kept namespaces is born in the kept user namespace, and maps no ids',
  async (t) => {
    fc.assert(
      fc.property(rootless, (input) => {
        const kinds = shareable(input.request);
        const alone = buildPlan({ ...input, joined: kinds.slice(0, 1) }).flat();
        if (alone[0]?.op !== 'join_user_namespace') return false;
        if (alone.filter(({ op }) => op === 'setns').length !== 1) return false;
        const steps = buildPlan({ ...input, joined: kinds }).flat();
        const made = steps.flatMap((step) =>
          step.op === 'unshare' && step.copies !== true ? step.namespaces : [],
        );
        const [first] = steps;
        return (
          first?.op === 'join_user_namespace' &&
          [...first.namespaces, ...kinds, ...made].toSorted().join() ===
            [...namespacesOf(input.request)].toSorted().join() &&
          !steps.some(({ op }) => ['user_namespace', 'id_map', 'map_ids', 'setgroups'].includes(op)) &&
          steps.filter(({ op }) => op === 'setns').length === 1
        );
      }),
    );
    t.pass();
  },
);

t.test(
  'what opens a tree of the host, or needs its /proc in sight, is a step of the kept namespaces',
  async (t) => {
    fc.assert(
      fc.property(rootless, (input) => {
        const { request, account } = input;
        const kinds = shareable(request);
        if (!kinds.includes('mount')) return true;
        const joined = buildPlan({ ...input, joined: kinds }).flat();
        const kept = keptOwnNamespaces(request, account, kinds, ['user']);
        const isHosts = (step: Step): boolean =>
          step.op === 'open_tree' && !quote(step.source ?? Buffer.from('/')).endsWith('/timer_list');
        const procs = request.view.filter(({ kind }) => kind === 'proc').length;
        const proc = placesOf(joined, 'new_tree');
        return (
          !joined.some(isHosts) &&
          !joined.some(({ op }) => op === 'pivot_root' || op === 'fchdir') &&
          proc.length === procs &&
          proc.every((place) => place > placeOf(joined, 'setns')) &&
          placesOf(kept, 'new_tree').length === procs &&
          placeOf(kept, 'open_namespaces') < placeOf(kept, 'pivot_root') &&
          kept.at(-1)?.op === 'send_namespaces' &&
          kept.some(({ op }) => op === 'end_with_parent')
        );
      }),
    );
    t.pass();
  },
);

t.test('an overlay and a devpts ask for nothing that the namespace has not', async (t) => {
  always(t, (_, steps) =>
    steps.every((step) => {
      if (step.op === 'pivot_root') return step.overlay === undefined || step.overlay.rootless === true;
      return step.op !== 'mount' || !step.options.includes('gid=');
    }),
  );
});
