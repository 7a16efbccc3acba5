// The order of the steps of a plan: no step takes away what a later one needs, and what is set is read back when nothing changes it.
import t from 'tap';

import type { StepName } from '../../../lib/launch/plan/step.ts';
import { always, places } from '../../support/launch/always.ts';
import type { PlanInput } from '../../support/plan.ts';

// Holds for each plan that has both steps; at least one plan must have both.
function inOrder(
  sentence: string,
  earlier: readonly StepName[],
  later: readonly StepName[],
  when: (input: PlanInput) => boolean = () => true,
): void {
  t.test(sentence, async (t) => {
    let seen = false;
    always(t, (steps, input) => {
      if (!when(input)) return true;
      const [before, after] = [places(steps, earlier), places(steps, later)];
      seen ||= before.length > 0 && after.length > 0;
      return Math.max(...before) < Math.min(...after);
    });
    t.ok(seen);
  });
}

inOrder('setgroups comes before setresgid', ['setgroups'], ['setresgid']);
inOrder('setresgid comes before setresuid', ['setresgid'], ['setresuid']);
inOrder(
  'bounding set, ambient set and securebits come before setresuid',
  ['drop_bounding_set', 'clear_ambient', 'securebits', 'keep_capabilities'],
  ['setresuid'],
);
inOrder('the ambient set is cleared before securebits', ['clear_ambient'], ['securebits']);
inOrder('capset comes after setresuid', ['setresuid'], ['capset', 'raise_ambient']);
inOrder('ambient capabilities are raised after capset', ['capset'], ['raise_ambient']);
inOrder('fchdir comes before chroot', ['fchdir'], ['chroot']);
inOrder('chroot comes before chdir', ['chroot'], ['chdir']);
inOrder('the root changes before the ids', ['chroot', 'chdir'], ['setgroups', 'setresgid', 'setresuid']);
inOrder('stdio comes before close_range', ['stdio'], ['close_range']);
inOrder('close_range comes before chroot', ['close_range'], ['keep_fd', 'fchdir', 'chroot']);
inOrder('kept descriptors are kept before chroot', ['keep_fd'], ['chroot']);
inOrder(
  'limits and priorities are set while root',
  ['setrlimit', 'setpriority', 'oom_score_adj'],
  ['setresuid'],
);
inOrder('files outside the jail are opened before chroot', ['oom_score_adj', 'stdio'], ['chroot']);
inOrder(
  'no_new_privs comes before seccomp',
  ['no_new_privs'],
  ['seccomp'],
  (input) => !input.request.allowNewPrivs,
);
inOrder(
  'with allowNewPrivs seccomp comes before setgroups',
  ['seccomp'],
  ['setgroups'],
  (input) => input.request.allowNewPrivs,
);
inOrder('no_new_privs comes before Landlock', ['no_new_privs'], ['landlock_restrict_self']);
inOrder(
  'paths of Landlock are those of the jail',
  ['chroot'],
  ['landlock_ruleset', 'landlock_path', 'landlock_ports'],
);
inOrder(
  'rules are added to a ruleset before it applies',
  ['landlock_ruleset'],
  ['landlock_path', 'landlock_ports'],
);
inOrder(
  'Landlock applies when all rules are there',
  ['landlock_path', 'landlock_ports'],
  ['landlock_restrict_self'],
);
inOrder('Landlock is read back once it applies', ['landlock_restrict_self'], ['verify_landlock']);
inOrder(
  'the filter of TCP comes when the other one has been read back',
  ['verify_seccomp'],
  ['tcp_filter'],
  // A profile comes last, and is read back then.
  (input) => !input.request.allowNewPrivs && input.filter === undefined,
);
inOrder(
  'with allowNewPrivs the filter of TCP comes before setgroups',
  ['tcp_filter'],
  ['setgroups'],
  (input) => input.request.allowNewPrivs,
);
inOrder(
  'with allowNewPrivs the filter of TCP comes after the small filter',
  ['seccomp'],
  ['tcp_filter'],
  (input) => input.request.allowNewPrivs && input.filter === undefined,
);
inOrder(
  'with allowNewPrivs a filter of the caller’s comes after the one of TCP, whose call it may refuse',
  ['tcp_filter'],
  ['seccomp'],
  (input) => input.request.allowNewPrivs && input.filter !== undefined,
);
inOrder('the filter of TCP is read back once it is in force', ['tcp_filter'], ['verify_tcp_filter']);
inOrder('Landlock comes before a filter that may refuse its calls', ['verify_landlock'], ['seccomp']);
inOrder(
  'paths of Landlock are looked up as the user',
  ['setresuid', 'capset'],
  ['landlock_path'],
  (input) => !input.request.allowNewPrivs,
);
inOrder(
  'with allowNewPrivs Landlock comes before setgroups',
  ['landlock_restrict_self'],
  ['setgroups'],
  (input) => input.request.allowNewPrivs,
);
inOrder('the parent-death signal comes after setresuid', ['setresuid', 'capset'], ['parent_death_signal']);
inOrder(
  'ids are read back after the last call that changes them',
  ['setresgid', 'setresuid', 'capset'],
  ['verify_uid', 'verify_gid'],
);
inOrder('groups are read back after the ids have changed', ['setgroups', 'setresuid'], ['verify_groups']);
inOrder(
  'capabilities are read back after the last call that changes them',
  ['drop_bounding_set', 'clear_ambient', 'setresuid', 'capset', 'raise_ambient'],
  ['verify_capabilities'],
);
inOrder(
  'the way back is tried after everything that closes it',
  ['setresuid', 'capset', 'no_new_privs'],
  ['verify_no_way_back'],
);
inOrder('no_new_privs is read back once it is set', ['no_new_privs'], ['verify_no_new_privs']);
inOrder('the filter is read back once it is in force', ['seccomp'], ['verify_seccomp']);
inOrder(
  'the working directory is read back with the identity of the user',
  ['chroot', 'chdir', 'setresuid'],
  ['verify_cwd'],
);
