// The remedy that several rules have: nobody but root may write to it.

import type { BytePath } from '../../binary/path.ts';
import { commandLine } from './command.ts';
import type { Found } from './finding.ts';

/** For something at a path of the host. */
export function givenToRoot(at: BytePath): Required<Pick<Found, 'remedy' | 'fixes'>> {
  return {
    remedy: `${commandLine('chown', 'root:root', at)} && ${commandLine('chmod', 'go-w', at)}`,
    fixes: [
      { kind: 'owner', uid: 0, gid: 0 },
      { kind: 'mode', clear: 0o022 },
    ],
  };
}
