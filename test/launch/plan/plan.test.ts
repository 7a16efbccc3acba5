import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import t from 'tap';

import { buildPlan, type PlanInput } from '../../support/plan.ts';
import { always, places } from '../../support/launch/always.ts';
import { smallFilter } from '../../../lib/launch/seccomp/small-filter.ts';
import type { Step, StepName } from '../../../lib/launch/plan/step.ts';
import { normalize, setUpKeys } from '../../../lib/launch/request/request.ts';
import { isolatedInputs, planInputs } from '../../support/launch/arbitrary.ts';

const verifies = (steps: readonly Step[]): readonly StepName[] =>
  steps.map((step) => step.op).filter((op) => op.startsWith('verify_'));

t.test('the keyring is joined first', async (t) => {
  always(t, ([first]) => first?.op === 'join_session_keyring');
});

t.test(
  'signals are reset after every check, then a filter of the caller’s is installed, the status is written, execve ends the plan',
  async (t) => {
    always(t, (steps, { status, filter, request }) => {
      const isLast = filter !== undefined && !request.allowNewPrivs;
      const wanted: readonly StepName[] = [
        'reset_signals',
        ...(isLast ? (['seccomp'] as const) : []),
        ...(isLast && filter.isReadable ? (['verify_seccomp'] as const) : []),
        ...(status === undefined ? [] : (['write'] as const)),
        'execve',
      ];
      const end = steps.slice(-wanted.length);
      return (
        end.map((step) => step.op).join() === wanted.join() &&
        // the other filters count too, so only the filter itself can be read back
        end.every((step) => step.op !== 'verify_seccomp' || step.isOwn === true)
      );
    });
  },
);

t.test(
  'a filter of the caller’s is installed as it is, with its flags, in place of the small one',
  async (t) => {
    always(t, (steps, { filter, architecture }) => {
      const [step, ...more] = steps.filter((step) => step.op === 'seccomp');
      const { bytes, flags } = filter ?? { bytes: smallFilter(architecture), flags: undefined };
      return more.length === 0 && step?.op === 'seccomp' && step.filter.equals(bytes) && step.flags === flags;
    });
  },
);

t.test('who changes a plan does not change the filter of the next one', async (t) => {
  always(t, (steps, input) => {
    for (const step of steps) if (step.op === 'seccomp') step.filter.fill(0);
    return buildPlan(input)
      .flat()
      .every((step) => step.op !== 'seccomp' || step.filter.some((byte) => byte !== 0));
  });
});

t.test('no request can leave out a step that takes something of the caller’s away', async (t) => {
  const needed: readonly StepName[] = [
    'join_session_keyring',
    'umask',
    'setpriority',
    'oom_score_adj',
    'sched_setscheduler',
    'ioprio_set',
    'personality',
    'timer_slack',
    'child_subreaper',
    'close_range',
    'fchdir',
    'chroot',
    'chdir',
    'drop_bounding_set',
    'clear_ambient',
    'securebits',
    'setgroups',
    'setresgid',
    'setresuid',
    'capset',
    'seccomp',
    'parent_death_signal',
    'reset_signals',
    'execve',
  ];
  always(t, (steps) => needed.every((name) => places(steps, [name]).length === 1));
});

t.test('every interval timer is stopped', async (t) => {
  always(t, (steps) => {
    const timers = steps.flatMap((step) => (step.op === 'setitimer' ? [step.timer] : []));
    return timers.join() === 'real,virtual,prof';
  });
});

t.test('core, stack and nofile are limited even if no limit is asked for', async (t) => {
  always(t, (steps) => {
    const limits = steps.flatMap((step) => (step.op === 'setrlimit' && step.mode !== 'set' ? [step] : []));
    const shown = limits.map(({ resource, limit }) => `${resource}=${limit.soft}`);
    return shown.join() === 'core=0,stack=8388608,nofile=1024';
  });
});

t.test('every plan reads back ids, groups, capabilities, the filter and the working directory', async (t) => {
  always(
    t,
    (steps, { filter, request }) =>
      ['verify_uid', 'verify_gid', 'verify_groups', 'verify_capabilities', 'verify_cwd'].every((name) =>
        verifies(steps).includes(name as StepName),
      ) &&
      // unless the filter itself refuses that
      verifies(steps).includes('verify_seccomp') === (filter?.isReadable !== false || request.allowNewPrivs),
  );
});

t.test('what is read back is what was set', async (t) => {
  always(t, (steps, { account }) =>
    steps.every(
      (step) =>
        (!('uid' in step) || step.uid === account.uid) &&
        (!('gid' in step) || step.gid === account.gid) &&
        (!('gids' in step) || step.gids.join() === account.groups.join()),
    ),
  );
});

t.test('the way back to uid 0 is tried for everybody but root', async (t) => {
  always(t, (steps, { account }) => verifies(steps).includes('verify_no_way_back') === (account.uid !== 0));
});

t.test('no_new_privs is set unless it is not wanted, and the filter always', async (t) => {
  always(
    t,
    (steps, { request }) =>
      places(steps, ['no_new_privs']).length === (request.allowNewPrivs ? 0 : 1) &&
      places(steps, ['verify_no_new_privs']).length === (request.allowNewPrivs ? 0 : 1) &&
      places(steps, ['seccomp']).length === 1,
  );
});

t.test('only the capabilities that were asked for stay, in every set', async (t) => {
  always(t, (steps, { request }) =>
    steps.every((step) => {
      const kept =
        step.op === 'drop_bounding_set' ? step.keep : 'capabilities' in step ? step.capabilities : undefined;
      return kept === undefined || kept.join() === request.caps.join();
    }),
  );
});

t.test('capabilities outlive setresuid only when some are asked for', async (t) => {
  always(t, (steps, { account, request }) => {
    const wanted = request.caps.length > 0;
    return (
      places(steps, ['keep_capabilities']).length === (wanted && account.uid !== 0 ? 1 : 0) &&
      places(steps, ['raise_ambient']).length === (wanted ? 1 : 0)
    );
  });
});

t.test('descriptors 0, 1 and 2 are put in place in that order', async (t) => {
  always(t, (steps) => {
    const fds = steps.flatMap((step) => (step.op === 'stdio' ? [step.fd] : []));
    return fds.join() === '0,1,2';
  });
});

t.test('every descriptor above 2 is closed but those that are kept', async (t) => {
  always(t, (steps, { keptFds }) => {
    const kept = steps.flatMap((step) => (step.op === 'keep_fd' ? [step.fd] : []));
    const closed = steps.flatMap((step) => (step.op === 'close_range' ? [step.first] : []));
    return closed.join() === '3' && kept.join() === keptFds.join();
  });
});

t.test('an own limit comes after the default of the same resource', async (t) => {
  always(t, (steps, { request }) =>
    request.rlimits.every(([resource, limit]) => {
      const last = steps.findLast((step) => step.op === 'setrlimit' && step.resource === resource);
      return last?.op === 'setrlimit' && last.mode === 'set' && last.limit === limit;
    }),
  );
});

t.test('SIGKILL comes a second after SIGXCPU', async (t) => {
  fc.assert(
    fc.property(planInputs, fc.integer({ min: 1, max: 1000 }), (input, seconds) => {
      const request = { ...input.request, cpuTime: seconds };
      const steps = buildPlan({ ...input, request, cgroup: undefined }).flat();
      const limit = steps.flatMap((step) =>
        step.op === 'setrlimit' && step.resource === 'cpu' ? [step.limit] : [],
      );
      return limit.length === 1 && limit[0]?.soft === seconds && limit[0].hard === seconds + 1;
    }),
  );
  t.pass();
});

t.test('where a cgroup counts the CPU time, the limit of each process comes later', async (t) => {
  fc.assert(
    fc.property(planInputs, fc.double({ min: 0.01, max: 1000, noNaN: true }), (input, seconds) => {
      const request = { ...input.request, cpuTime: seconds };
      const steps = buildPlan({ ...input, request, cgroup: { limits: request, lines: ['N'] } }).flat();
      const limit = steps.find((step) => step.op === 'setrlimit' && step.resource === 'cpu');
      const soft = limit?.op === 'setrlimit' ? limit.limit.soft : 0;
      return Number.isInteger(soft) && soft > seconds && soft < seconds + 2;
    }),
  );
  t.pass();
});

t.test('the umask gets at least 022, or is exactly the one that was asked for', async (t) => {
  always(t, (steps, { request }) => {
    const mask = steps.find((step) => step.op === 'umask');
    return request.umask === undefined
      ? mask?.mask === 0o022 && !mask.exact
      : mask?.mask === request.umask && mask.exact;
  });
});

t.test('a parent-death signal that the caller had set is taken away', async (t) => {
  always(t, (steps, { request, parentPid }) => {
    const step = steps.find((step) => step.op === 'parent_death_signal');
    return request.dieWithParent
      ? step?.signal === 9 && step.parentPid === parentPid
      : step?.signal === 0 && step.parentPid === 0;
  });
});

t.test('Landlock comes only when it is asked for, and with each of its parts', async (t) => {
  always(t, (steps, { request }) => {
    // without --landlock, abstract sockets of the host alone
    const isScoped = !request.landlock && request.isolate && request.net === 'host';
    const wanted = request.landlock || isScoped ? 1 : 0;
    const names = ['landlock_ruleset', 'landlock_restrict_self'] as const;
    const verified = isScoped || (request.landlock && request.landlockAbi >= 6) ? 1 : 0;
    return (
      names.every((name) => places(steps, [name]).length === wanted) &&
      places(steps, ['verify_landlock']).length === verified
    );
  });
});

t.test('setsid comes only when it is asked for, and before stdio', async (t) => {
  always(t, (steps, { request }) => {
    const [setsid] = places(steps, ['setsid']);
    const [stdio = 0] = places(steps, ['stdio']);
    return request.newSession ? setsid !== undefined && setsid < stdio : setsid === undefined;
  });
});

t.test('setpgid comes only where a group is wanted and no session begins', async (t) => {
  always(t, (steps, { request, newGroup }) => {
    const [setpgid] = places(steps, ['setpgid']);
    const [stdio = 0] = places(steps, ['stdio']);
    const isWanted = newGroup === true && !request.newSession;
    return isWanted ? setpgid !== undefined && setpgid < stdio : setpgid === undefined;
  });
});

t.test('program, arguments and environment reach execve as they are', async (t) => {
  always(t, (steps, { program, argv, env }) => {
    const last = steps.at(-1);
    return last?.op === 'execve' && last.program === program && last.argv === argv && last.env === env;
  });
});

t.test('requests that are alike in the keys of the set-up have the same plan', async (t) => {
  const sameAgain = fc.property(fc.oneof(planInputs, isolatedInputs), isolatedInputs, (input, other) => {
    const own = Object.fromEntries(setUpKeys().map((key) => [key, input.request[key]]));
    const request = { ...other.request, ...own };
    return isDeepStrictEqual(buildPlan({ ...input, request }), buildPlan(input));
  });
  t.doesNotThrow(() => fc.assert(sameAgain));
});

t.test('an ordinary launch is these steps', async (t) => {
  const input: PlanInput = {
    request: normalize({ user: 'sam', jail: '/srv/jail' }),
    account: {
      uid: 1001,
      gid: 1002,
      groups: [29, 1002],
      memberships: [29, 1002],
      name: 'sam',
      home: '/',
      shell: '',
    },
    keptFds: [7],
    newGroup: true,
    parentPid: 0,
    architecture: 'x64',
    program: Buffer.from('/bin/sh'),
    argv: [Buffer.from('sh')],
    env: [],
  };
  const steps = buildPlan(input)
    .flat()
    .map((step) => {
      const { op, ...rest } = step.op === 'seccomp' ? { op: step.op } : step;
      return `${op} ${JSON.stringify(rest, (_, value: unknown) => (value === Infinity ? 'infinity' : value))}`;
    });
  t.same(steps.slice(0, -1), [
    'join_session_keyring {}',
    'setpgid {}',
    'umask {"mask":18,"exact":false}',
    'setrlimit {"resource":"core","limit":{"soft":0,"hard":0},"mode":"cap-soft"}',
    'setrlimit {"resource":"stack","limit":{"soft":8388608,"hard":"infinity"},"mode":"cap-soft"}',
    'setrlimit {"resource":"nofile","limit":{"soft":1024,"hard":"infinity"},"mode":"set-soft"}',
    'setpriority {}',
    'oom_score_adj {}',
    'sched_setscheduler {}',
    'ioprio_set {}',
    'personality {"persona":0}',
    'setitimer {"timer":"real"}',
    'setitimer {"timer":"virtual"}',
    'setitimer {"timer":"prof"}',
    'timer_slack {"nanoseconds":50000}',
    'child_subreaper {"on":false}',
    'stdio {"fd":0,"replacesNull":true}',
    'stdio {"fd":1,"replacesNull":true}',
    'stdio {"fd":2,"replacesNull":true}',
    'close_range {"first":3}',
    'keep_fd {"fd":7}',
    'fchdir {"directory":"/srv/jail"}',
    'chroot {}',
    'chdir {"path":{"type":"Buffer","data":[47]}}',
    'drop_bounding_set {"keep":[]}',
    'clear_ambient {}',
    'securebits {}',
    'setgroups {"gids":[29,1002]}',
    'setresgid {"gid":1002}',
    'setresuid {"uid":1001}',
    'capset {"capabilities":[]}',
    'no_new_privs {}',
    'seccomp {}',
    'parent_death_signal {"signal":0,"parentPid":0}',
    'verify_uid {"uid":1001}',
    'verify_gid {"gid":1002}',
    'verify_groups {"gids":[29,1002]}',
    'verify_capabilities {"capabilities":[]}',
    'verify_no_way_back {}',
    'verify_no_new_privs {}',
    'verify_seccomp {}',
    'verify_cwd {}',
    'reset_signals {}',
  ]);
});
