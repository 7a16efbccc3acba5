// The order of an isolated launch, for all requests.
import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import { keptNamespaces, shareable, withoutClone } from '../../../lib/launch/plan/isolated.ts';
import { buildPlan, type PlanInput } from '../../support/plan.ts';
import type { Plan, Step, StepName } from '../../../lib/launch/plan/step.ts';
import { namespacesOf } from '../../../lib/launch/request/isolation-value.ts';
import { isolatedInputs } from '../../support/launch/arbitrary.ts';

function always(t: Test, holds: (plan: Plan, steps: readonly Step[], input: PlanInput) => boolean): void {
  fc.assert(
    fc.property(isolatedInputs, (input) => {
      const plan = buildPlan(input);
      return holds(plan, plan.flat(), input);
    }),
  );
  t.pass();
}

const placeOf = (steps: readonly Step[], op: StepName): number => steps.findIndex((step) => step.op === op);
const lastOf = (steps: readonly Step[], op: StepName): number =>
  steps.findLastIndex((step) => step.op === op);
const hasPid = ({ request }: PlanInput): boolean => namespacesOf(request).includes('pid');
const hasMount = ({ request }: PlanInput): boolean => namespacesOf(request).includes('mount');

t.test('a pid namespace takes two stages, and one that is compiled three', async (t) => {
  always(t, (plan, _, input) => {
    const compiled = buildPlan({ ...input, isCompiled: true });
    return plan.length === (hasPid(input) ? 2 : 1) && compiled.length === (hasPid(input) ? 3 : 1);
  });
});

t.test(
  'init leads a process group if the program does, and a session if the program begins one without a terminal',
  async (t) => {
    always(t, ([init = []], _, input) => {
      const { newSession, pty } = input.request;
      const beginsSession = newSession && pty === undefined;
      const leads = init.flatMap(({ op }) => (op === 'setpgid' || op === 'setsid' ? [op] : []));
      const wanted = beginsSession ? 'setsid' : input.newGroup === true ? 'setpgid' : '';
      return !hasPid(input) || leads.join() === wanted;
    });
    fc.assert(
      fc.property(isolatedInputs, fc.boolean(), (input, newSession) => {
        const request = { ...input.request, newSession, pty: { rows: 24, columns: 80 } };
        const [init = []] = buildPlan({ ...input, request, newGroup: false });
        return !hasPid(input) || !init.some(({ op }) => op === 'setpgid' || op === 'setsid');
      }),
    );
  },
);

t.test(
  'a program with an init never shares the process group of its caller, but for a terminal',
  async (t) => {
    always(t, (plan, _, input) => {
      const groups = (plan.at(-1) ?? []).flatMap((step) =>
        step.op === 'setpgid' || step.op === 'setsid' ? [step] : [],
      );
      const [group, ...others] = groups;
      if (others.length > 0) return false;
      if (input.request.newSession) return group?.op === 'setsid';
      if (input.newGroup === true) return group?.op === 'setpgid' && group.unlessTerminal === undefined;
      return hasPid(input) ? group?.op === 'setpgid' && group.unlessTerminal === true : group === undefined;
    });
  },
);

t.test('an isolated program has at most 4096 descriptors and processes, or its own limits', async (t) => {
  always(t, (_, steps, { request }) => {
    const capped = steps.flatMap((step) => (step.op === 'setrlimit' && step.mode === 'cap' ? [step] : []));
    const shown = capped.map(({ resource, limit }) => `${resource} ${limit.soft} ${limit.hard}`);
    const isFree = (resource: string) => !request.rlimits.some(([name]) => name === resource);
    const wanted = ['nofile', 'nproc'].filter(isFree).map((resource) => `${resource} 4096 4096`);
    return shown.join() === (request.isolate ? wanted : []).join();
  });
});

t.test('every wanted namespace is made, once', async (t) => {
  always(t, (_, steps, { request }) => {
    const made = steps.flatMap((step) => (step.op === 'unshare' ? [step.namespaces] : []));
    const isSame = made.flat().toSorted().join() === [...namespacesOf(request)].toSorted().join();
    return isSame && made.every(({ length }) => length > 0);
  });
});

t.test('a launch with mounts of its own enters the jail by them, and any other by chroot', async (t) => {
  always(t, (_, steps, input) => {
    const entries = steps.filter(({ op }) => op === 'chroot' || op === 'fchdir' || op === 'chdir');
    return entries.length === (hasMount(input) ? 1 : 3) && entries.at(-1)?.op === 'chdir';
  });
});

t.test('what is of the host is opened before its mounts are left', async (t) => {
  always(t, (_, steps, input) => {
    if (!hasMount(input)) return !steps.some(({ op }) => op === 'open_tree' || op === 'pivot_root');
    const leaves = steps.findIndex((step) => step.op === 'unshare' && step.namespaces.includes('mount'));
    const host = new Set<StepName>(['open_tree', 'oom_score_adj', 'sysctl', 'stdio']);
    const isHosts = ({ op, within }: Step): boolean => host.has(op) && within === undefined;
    return steps.findLastIndex(isHosts) < leaves && leaves < placeOf(steps, 'pivot_root');
  });
});

t.test(
  'the space of what is in memory is watched by init, after all mounts and with its rights',
  async (t) => {
    always(t, ([init = []], steps, input) => {
      const { ephemeral, view } = input.request;
      const inMemory = view.filter(({ kind }) => kind === 'tmpfs' || kind === 'dev').length;
      const expected = hasPid(input) && hasMount(input) ? inMemory + Number(ephemeral === true) : 0;
      const watched = steps.filter(({ op }) => op === 'watch_space');
      const first = placeOf(init, 'watch_space');
      const mounts: readonly StepName[] = ['pivot_root', 'move_mount', 'mount', 'bind', 'bind_if_there'];
      return (
        watched.length === Math.min(expected, 16) &&
        watched.length === init.filter(({ op }) => op === 'watch_space').length &&
        (first < 0 || mounts.every((op) => lastOf(init, op) < first)) &&
        (first < 0 || lastOf(init, 'watch_space') < placeOf(init, 'setresuid')) &&
        !buildPlan({ ...input, isCompiled: true })
          .flat()
          .some(({ op }) => op === 'watch_space')
      );
    });
  },
);

t.test(
  'each tree that is opened is used once, and nothing is mounted before the root has changed',
  async (t) => {
    always(t, (_, steps) => {
      const opened = steps.flatMap((step) => (step.op === 'open_tree' ? [step.slot] : []));
      const used = steps.flatMap((step) =>
        step.op === 'move_mount'
          ? [step.slot]
          : step.op === 'pivot_root'
            ? [step.slot, ...(step.overlay?.slot === undefined ? [] : [step.overlay.slot])]
            : [],
      );
      const pivot = placeOf(steps, 'pivot_root');
      const mounts: readonly StepName[] = [
        'mount',
        'bind',
        'bind_if_there',
        'move_mount',
        'mkdir',
        'mknod',
        'symlink',
      ];
      const isSame = String(opened.toSorted((a, b) => a - b)) === String(used.toSorted((a, b) => a - b));
      return isSame && mounts.every((op) => placeOf(steps, op) < 0 || placeOf(steps, op) > pivot);
    });
  },
);

t.test('the view is made in the given order', async (t) => {
  always(t, (_, steps, { request }) => {
    const targets = steps.flatMap((step) =>
      step.op === 'move_mount' || step.op === 'mount' || step.op === 'bind'
        ? [step.target]
        : step.op === 'mkdir'
          ? [step.path]
          : [],
    );
    let at = -1;
    return request.view.every(({ target }) => {
      at = targets.findIndex((made, i) => i > at && made.equals(target));
      return at >= 0;
    });
  });
});

t.test(
  'nothing of the host is mounted with devices, or with set-user-ID files that were not asked for',
  async (t) => {
    always(t, (_, steps, { request }) =>
      steps.every(
        (step) =>
          step.op !== 'open_tree' ||
          (step.isInJail === true && String(step.source) === '/dev') ||
          (step.flags.includes('nodev') && (step.flags.includes('nosuid') || request.allowNewPrivs)),
      ),
    );
  },
);

t.test('with readOnly the root is, and what is read-only stays so', async (t) => {
  always(t, (_, steps, { request }) => {
    const root = steps.find((step) => step.op === 'open_tree');
    const isReadOnly = root?.op === 'open_tree' && root.flags.includes('ro');
    const isCleared = steps.some((step) => step.op === 'bind' && step.clear.length > 0);
    const own = steps.filter(
      (step) => step.op === 'open_tree' && step.isInJail && step.flags.includes('nodev'),
    );
    const writable = request.view.filter(({ kind }) => kind === 'writable');
    return isReadOnly === request.readOnly && !isCleared && own.length === (isReadOnly ? writable.length : 0);
  });
});

t.test('a process that waits gives up everything after the fork, and ends with its starter', async (t) => {
  always(t, (_, __, input) => {
    if (!hasPid(input)) return true;
    const { account, request } = input;
    // 5: CAP_KILL, 7: CAP_SETUID. Only the init of a program that can become another user needs a right to signal it.
    const rights = request.allowNewPrivs || request.caps.includes(7) ? [5] : [];
    return [buildPlan(input), buildPlan({ ...input, isCompiled: true })].every((plan) =>
      plan.slice(0, -1).every((stage, place) => {
        const late = stage.filter((step) => step.afterFork === true);
        const isInit = place === plan.length - 2;
        const wanted = isInit ? rights : [];
        const all = late.map(({ op }) => op);
        const ops = all.filter((op) => op !== 'keep_capabilities');
        const isLast = stage.slice(-late.length).every((step) => step.afterFork === true);
        const own = ['setgroups', 'setresgid', 'setresuid', 'capset', 'no_new_privs', 'not_dumpable'];
        const [uid] = late.flatMap((step) => (step.op === 'setresuid' ? [step.uid] : []));
        const kept = late.flatMap((step) => (step.op === 'capset' ? [step] : []));
        return (
          isLast &&
          own.every((op, i) => ops[i] === op) &&
          uid === account.uid &&
          kept.flatMap(({ capabilities }) => capabilities).join() === wanted.join() &&
          // it uses them, and setresuid would take them away
          kept.every(({ effective = false }) => effective === wanted.length > 0) &&
          all.includes('keep_capabilities') === (wanted.length > 0 && account.uid !== 0) &&
          /parent/.test(ops.at(-1) ?? '')
        );
      }),
    );
  });
});

t.test('the outer process of a compiled launcher ends with its starter if that is asked for', async (t) => {
  always(t, (_, __, input) => {
    const last = buildPlan({ ...input, isCompiled: true })[0]?.at(-1);
    if (!hasPid(input)) return true;
    // a compiled launcher fills in its parent (compiled.cc)
    const signal = input.request.dieWithParent ? 9 : 0;
    return last?.op === 'parent_death_signal' && last.signal === signal && last.parentPid === 0;
  });
});

t.test('init ends with its starter from its first step on', async (t) => {
  always(t, (plan, _, input) => {
    if (!hasPid(input)) return true;
    const [init = []] = plan;
    return init[0]?.op === 'unshare' && init[0].cloned === true && init[1]?.op === 'end_with_parent';
  });
});

t.test(
  'the program drops everything in the last stage, the filter after all that it could refuse',
  async (t) => {
    always(t, (plan) => {
      const stage = plan.at(-1) ?? [];
      const filter = lastOf(stage, 'seccomp');
      const root = ['unshare', 'pivot_root', 'mount', 'bind', 'setresuid'].map((op) =>
        lastOf(stage, op as StepName),
      );
      const dropped = plan.at(-1)?.at(-1)?.op === 'execve' && lastOf(stage, 'setresuid') >= 0 && filter >= 0;
      const allowed = stage.some(({ op }) => op === 'no_new_privs');
      return dropped && (!allowed || root.every((place) => place < filter));
    });
  },
);

t.test('a plan that is not born in its pid namespace makes it first', async (t) => {
  always(t, (plan, steps, input) => {
    const other = withoutClone(plan);
    if (!hasPid(input)) return other === plan;
    const [first] = other;
    return (
      other.length === plan.length + 1 &&
      first?.length === 1 &&
      first[0]?.op === 'unshare' &&
      first[0].cloned === undefined &&
      other.flat().length === steps.length
    );
  });
});

t.test('that is so with a cgroup before it too', async (t) => {
  const cgroup: Step = { op: 'cgroup', limits: {} as never, lines: [] };
  always(t, ([init = [], ...stages], _, input) => {
    const [first] = withoutClone([[cgroup, ...init], ...stages]);
    if (!hasPid(input)) return first?.length === init.length + 1;
    return first?.length === 2 && first[0] === cgroup && first[1]?.op === 'unshare' && !first[1].cloned;
  });
});

t.test('a launch joins what it is given, and copies the mounts among it for a proc of its own', async (t) => {
  always(t, (_, __, input) => {
    if (!hasPid(input)) return true;
    const { ephemeral, view } = input.request;
    const kinds = shareable(input.request);
    const hasProc = view.some(({ kind }) => kind === 'proc');
    return (
      !kinds.includes('pid') &&
      kinds.includes('mount') === (hasMount(input) && ephemeral === undefined) &&
      [[], kinds.slice(0, 1), kinds].every((joined) => {
        const steps = buildPlan({ ...input, joined }).flat();
        const entered = steps.flatMap((step) => (step.op === 'setns' ? [step.namespaces.join()] : []));
        const copied = steps.filter((step) => step.op === 'unshare' && step.copies === true);
        return (
          entered.length === Math.min(joined.length, 1) &&
          entered.join() === joined.join() &&
          copied.length === Number(joined.includes('mount') && hasProc) &&
          steps.every((step) => step.op !== 'unshare' || step.namespaces.length > 0)
        );
      })
    );
  });
});

t.test('kept namespaces have no proc, and are all that a launch that joins them does not make', async (t) => {
  always(t, (_, __, input) => {
    if (!hasPid(input)) return true;
    const kinds = shareable(input.request);
    const kept = keptNamespaces(input.request, kinds);
    const joined = buildPlan({ ...input, joined: kinds }).flat();
    const made = joined.flatMap((step) =>
      step.op === 'unshare' && step.copies !== true ? step.namespaces : [],
    );
    const all = [...new Set([...kinds, ...made])].toSorted().join();
    return (
      !kept.some((step) => step.op === 'mount' && step.type === 'proc') &&
      !made.some((kind) => kinds.includes(kind)) &&
      all === [...namespacesOf(input.request)].toSorted().join() &&
      (kinds.length === 0 || joined.some(({ op }) => op === 'setns'))
    );
  });
});

t.test(
  'an open jail never sets the name of the host: only where it makes or joins a UTS namespace',
  async (t) => {
    const names = (steps: readonly Step[]): number => steps.filter(({ op }) => op === 'sethostname').length;
    const given = isolatedInputs.filter(
      (input) => hasPid(input) && namespacesOf(input.request).includes('uts'),
    );
    fc.assert(
      fc.property(given, (input) => {
        const request = { ...input.request, hostname: 'inside' };
        const kinds = shareable(request);
        const others = kinds.filter((kind) => kind !== 'uts');
        const launch = (joined: typeof kinds) => buildPlan({ ...input, request, joined }).flat();
        return (
          names(keptNamespaces(request, others)) === 0 &&
          names(launch(others)) === 1 &&
          names(keptNamespaces(request, kinds)) === 1 &&
          names(launch(kinds)) === 1
        );
      }),
    );
    t.pass();
  },
);
