// Where the steps of a terminal stand in a plan.
import t from 'tap';

import { buildPlan } from '../../support/plan.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { describeStep, rowOf } from '../../../lib/launch/plan/table.ts';
import { normalize } from '../../../lib/launch/request/request.ts';

const account = {
  uid: 1001,
  gid: 1001,
  groups: [],
  memberships: [],
  name: 'sam',
  home: '/',
  shell: '/bin/sh',
};

function stagesOf(special: object): readonly (readonly Step[])[] {
  const request = normalize({ user: 'sam', jail: '/srv/jail', pty: { cols: 100, rows: 30 }, ...special });
  return buildPlan({
    request,
    account,
    keptFds: [],
    parentPid: 1,
    architecture: 'x64',
    program: Buffer.from('/bin/sh'),
    argv: [Buffer.from('sh')],
    env: [],
  });
}

const at = (steps: readonly Step[], op: Step['op']): number => steps.findIndex((step) => step.op === op);

t.test(
  'a bare launch opens it after 0 to 2 were judged, and before the root directory changes',
  async (t) => {
    const steps = stagesOf({}).flat();
    t.ok(at(steps, 'setsid') < at(steps, 'open_pty'), 'a session of its own comes first');
    t.ok(steps.findLastIndex(({ op }) => op === 'stdio') < at(steps, 'open_pty'));
    t.ok(at(steps, 'open_pty') < at(steps, 'fchdir'));
    t.ok(at(steps, 'open_pty') < at(steps, 'controlling_tty'));
    t.ok(at(steps, 'controlling_tty') < at(steps, 'setresuid'));
    t.match(steps[at(steps, 'open_pty')], { owner: 1001, cols: 100, rows: 30, isOutside: true });
  },
);

t.test('a terminal without a size has that of a VT100', async (t) => {
  const steps = stagesOf({ pty: true }).flat();
  t.match(steps[at(steps, 'open_pty')], { cols: 80, rows: 24 });
});

t.test('the init of an isolated launch opens it, and the program makes it its own', async (t) => {
  const [init = [], program = []] = stagesOf({ isolate: true });
  t.ok(at(init, 'open_pty') < at(init, 'pivot_root'), "the host's, without a --dev");
  t.ok(at(init, 'open_pty') > lastAt(init, 'stdio'));
  t.ok(at(program, 'setsid') >= 0 && at(program, 'setsid') < at(program, 'controlling_tty'));
  t.equal(at(program, 'open_pty'), -1);
  t.equal(at(init, 'controlling_tty'), -1);
});

const lastAt = (stage: readonly Step[], op: Step['op']): number =>
  stage.findLastIndex((step) => step.op === op);

t.test('a --dev has the terminal in its own devpts', async (t) => {
  const [init = []] = stagesOf({ isolate: true, view: [{ dev: '/dev' }, { tmpfs: '/tmp' }, { dev: '/d' }] });
  t.ok(at(init, 'open_pty') > lastAt(init, 'mount'));
  t.ok(at(init, 'open_pty') < init.findIndex(({ afterFork }) => afterFork === true));
  t.match(init[at(init, 'open_pty')], { isOutside: false, directory: Buffer.from('/d/pts') });
});

t.test('a launch without it has none of these steps', async (t) => {
  const steps = stagesOf({ pty: false }).flat();
  for (const op of ['open_pty', 'controlling_tty', 'setsid'] as const) t.equal(at(steps, op), -1);
});

t.test('a rehearsal opens a terminal, and touches neither descriptors nor session', async (t) => {
  const all = stagesOf({}).flat();
  const tried = all.flatMap((step) => rowOf(step).rehearse?.(step, 1) ?? []);
  t.match(
    tried.find(({ op }) => op === 'open_pty'),
    { isTried: true },
  );
  t.equal(at(tried, 'controlling_tty'), -1);
  t.match(describeStep(all[at(all, 'open_pty')] as Step), {
    object: '/dev/pts/ptmx of the jail, or /dev/ptmx 100x30',
  });
});
