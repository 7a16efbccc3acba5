// A place in which code is looked for, because a file says so.

import type { BytePath } from '../../binary/path.ts';

export interface Searched {
  /** As the jail sees it; one that is not absolute depends on the working directory. */
  readonly path: BytePath;
  /** What says so: `its RUNPATH`. */
  readonly by: string;
}
