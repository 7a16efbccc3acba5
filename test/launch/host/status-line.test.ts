import t from 'tap';

import type { Caller } from '../../../lib/launch/host/caller.ts';
import { startedLine } from '../../../lib/launch/host/status-line.ts';

t.test('the line of a start has the pid, or room for one of ten digits', async (t) => {
  const line = (caller: Partial<Caller>) => String(startedLine(caller as Caller));
  t.equal(line({ pid: 7 }), '{"event":"started","pid":7}\n');
  t.equal(line({ pid: 7, compiledFor: 'x64' }), '{"event":"started","pid":          }\n');
});
