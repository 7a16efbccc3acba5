// Processes that go on with what was replaced.

import { bytePath, showPath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const staleProcess: Rule = {
  id: 'stale-process',
  group: 'running',
  severity: 'warning',
  summary:
    'A process in the jail runs a program or library that was replaced, or removed, since it was started.',
  attack:
    'An update of the jail does not reach what runs: the old libssl goes on being attacked until the service is restarted ' +
    '(proc_pid_maps(5), "(deleted)"; CWE-1104).',
  remedy: '# restart it',
  look: (jail) =>
    jail.processes().flatMap(({ pid, name, uids, replaced }) => {
      const [first, ...others] = replaced;
      if (first === undefined) return [];
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return [
        {
          path: bytePath('/'),
          uid: uids[1] ?? 0,
          message: `process ${pid} (${name}) runs ${showPath(first)}${more}, which was replaced since`,
          remedy: restarted(pid),
        },
      ];
    }),
};
