// Rows of the steps that read back what can lie: a call that another layer answered, an id that a user namespace does not map.
import { quote } from '../../words/quote.ts';
import { capabilityMask } from '../request/capabilities.ts';
import { gidsData, showCapabilities, showGids } from './credentials.ts';
import type { SomeStepRows } from './step-row.ts';

// The interpreter answers EBADE if what it has read is not what was set.
const differs = (reason: string): { readonly EBADE: { readonly reason: string } } => ({ EBADE: { reason } });

const otherIds = differs('the ids read back are not the ones that were set');

export const readBackRows = {
  verify_uid: {
    op: 28,
    call: 'getresuid',
    object: ({ uid }) => String(uid),
    purpose: 'verify: real, effective, saved and fs uid',
    encode: ({ uid }) => ({ a: uid }),
    failures: otherIds,
  },
  verify_gid: {
    op: 29,
    call: 'getresgid',
    object: ({ gid }) => String(gid),
    purpose: 'verify: real, effective, saved and fs gid',
    encode: ({ gid }) => ({ a: gid }),
    failures: otherIds,
  },
  verify_groups: {
    op: 30,
    call: 'getgroups',
    object: ({ gids }) => showGids(gids),
    purpose: 'verify: exactly these groups',
    encode: ({ gids }) => ({ data: gidsData(gids, gids.length) }),
    failures: differs('the groups read back are not the ones that were set'),
  },
  verify_capabilities: {
    op: 31,
    call: 'capget',
    object: ({ capabilities }) => showCapabilities(capabilities),
    purpose: 'verify: no other capability in any set',
    encode: ({ capabilities }) => ({ a: capabilityMask(capabilities) }),
    failures: differs('a capability is left'),
  },
  verify_no_way_back: {
    op: 32,
    call: 'setresuid',
    object: () => '0',
    purpose: 'verify: regaining uid 0 fails',
    failures: differs('uid 0 could be regained'),
  },
  verify_no_new_privs: {
    op: 39,
    call: 'prctl',
    object: () => 'PR_GET_NO_NEW_PRIVS',
    purpose: 'verify: set-user-ID programs give nothing',
    flags: { readBack: true },
    failures: differs('it is not set: set-user-ID programs could give privileges'),
  },
  verify_seccomp: {
    op: 38,
    call: 'prctl',
    object: () => 'PR_GET_SECCOMP',
    purpose: 'verify: a filter is in force',
    flags: { readBack: ({ isOwn }) => isOwn !== true },
    failures: differs('no filter is in force'),
  },
  verify_cwd: {
    op: 33,
    call: 'getcwd',
    subject: ({ cwd }) => quote(cwd),
    purpose: 'verify: the jail is the root directory, and the working directory is in it',
    failures: {
      ...differs('the root directory is not the jail'),
      EXDEV: {
        reason: 'the working directory is outside the jail',
        hint: 'somebody moves directories of the jail: nobody but root may own them',
      },
    },
    // root may enter what the user may not: it shows once the identity has changed
    look: { at: 'cwd', after: ['EACCES'] },
  },
} satisfies SomeStepRows;
