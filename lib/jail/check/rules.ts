// All rules, in the order in which their findings are shown and fixed. Directories come before the files in them: once a directory
// is fixed, nobody can exchange those any more.

import type { Rule } from './check-rule.ts';
import { changedContent, changedPermissions } from './rules/changed-files.ts';
import { fitness } from './rules/fitness.ts';
import { accountsAndSecrets } from './rules/accounts-and-secrets.ts';
import { jailFilesystem } from './rules/jail-filesystem.ts';
import { jailPath } from './rules/jail-path.ts';
import { loadedCode, preload } from './rules/loaded-code.ts';
import { manifestItself, missing, notOfManifest } from './rules/manifest-entries.ts';
import { mounted } from './rules/mounted.ts';
import { outsideContacts } from './rules/outside-contacts.ts';
import { privilegedFiles } from './rules/privileged-files.ts';
import { runningProcesses } from './rules/running-processes.ts';
import { staleness } from './rules/staleness.ts';
import { uploads } from './rules/uploads.ts';
import { steeringFile, writableFiles } from './rules/writable-files.ts';

export const rules: readonly Rule[] = [
  ...jailPath,
  ...jailFilesystem,
  ...privilegedFiles,
  ...outsideContacts,
  ...mounted,
  steeringFile,
  preload,
  ...manifestItself,
  ...writableFiles,
  ...loadedCode,
  ...changedContent,
  missing,
  ...changedPermissions,
  ...notOfManifest,
  ...uploads,
  ...accountsAndSecrets,
  ...staleness,
  ...fitness,
  ...runningProcesses,
];
