// Processes in the jail with more groups than their user.

import { bytePath } from '../../../binary/path.ts';
import { native } from '../../../native.ts';
import type { Found } from '../finding.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const processGroups: Rule = {
  id: 'process-groups',
  group: 'running',
  severity: 'error',
  summary: 'A process in the jail has supplementary groups that its user does not have on the host.',
  attack:
    'Who starts it as root and changes only its user leaves it the groups of root: disk, shadow or docker are as good as ' +
    'root (setgroups(2), initgroups(3); CWE-271). Other groups than root may be meant: they are warnings.',
  remedy: '# restart it by uchroot USER DIRECTORY PROGRAM, which gives it the groups of the host',
  look: function* look(jail): Generator<Found> {
    const known = new Map<number, ReadonlySet<number>>();
    for (const { pid, name, uids, groups } of jail.processes()) {
      const [uid = 0] = uids;
      if (uid === 0) continue; // root-process tells of it
      const own = known.get(uid) ?? groupsOf(uid);
      known.set(uid, own);
      const foreign = groups.filter((gid) => !own.has(gid));
      if (foreign.length === 0) continue;
      yield {
        path: bytePath('/'),
        uid,
        message: `process ${pid} (${name}) of uid ${uid} is in group ${foreign.join(', ')}, and its user is not`,
        remedy: restarted(pid),
        // 0 is the one that system files belong to
        ...(!foreign.includes(0) && { severity: 'warning' }),
      };
    }
  },
};

function groupsOf(uid: number): ReadonlySet<number> {
  const user = native.getpwuid(uid);
  return new Set(user === null ? [] : [user.gid, ...native.getgrouplist(user.name, user.gid)]);
}
