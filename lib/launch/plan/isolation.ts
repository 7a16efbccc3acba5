// Everything about namespaces, Landlock and pseudo-terminals. A launch without options needs none of it, so the command has this file
// as a separate bundle, and opens it at the first use of an export (lib/bin/uchroot.ts).
import { landlockRows } from './landlock.ts';
import { mountRows } from './mount-steps.ts';
import { namespaceRows } from './namespaces.ts';
import { ptyRows } from './pty.ts';
import { rootRows } from './root-steps.ts';
import { userNamespaceRows } from './user-namespace.ts';

export { isolatedStages, programGroup } from './isolated.ts';
export { closeTcp, landlock } from './landlock.ts';
export { controllingTty, outerPty } from './pty.ts';

/** The rows of their steps. */
export const isolationStepRows = {
  ...namespaceRows,
  ...userNamespaceRows,
  ...rootRows,
  ...mountRows,
  ...ptyRows,
  ...landlockRows,
};
