// Paths that every jail has.

import { type BytePath, bytePath } from '../../tree/path.ts';

/** The directory of the jail that belongs to the builder: root's, mode 0700. */
export const STORE: BytePath = bytePath('/.uchroot');

/** Directories on which a launch mounts what the kernel fills or a service keeps, mode 0755. /tmp is in pack base. */
export const mountPoints: readonly BytePath[] = ['/proc', '/dev', '/run'].map((path) => bytePath(path));

/**
 * Directories that are links into /usr on a merged-usr system. They are made first, so that no later step makes a real directory
 * in their place (file-hierarchy(7)). Those of foreign ABIs are made only if they get content.
 */
export const mergedDirectories: readonly BytePath[] = ['/bin', '/lib', '/lib64'].map((path) =>
  bytePath(path),
);
