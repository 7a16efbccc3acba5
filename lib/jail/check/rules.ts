// All rules, in the order in which their findings are shown and fixed. Directories come before the files in them: once a directory
// is fixed, nobody can exchange its files any more.

import type { Rule } from './check-rule.ts';
import { accountsAndSecrets } from './rules/accounts-and-secrets.ts';
import { privilegedFiles, steeringFile, writableFiles } from './rules/file-permissions.ts';
import { fitness, staleness } from './rules/fitness.ts';
import { jailLocation } from './rules/jail-location.ts';
import { loadedCode, preload } from './rules/loaded-code.ts';
import { differences, manifestItself } from './rules/manifest-differences.ts';
import { mountedHost } from './rules/mounted-host.ts';
import { outsideContacts } from './rules/outside-contacts.ts';
import { runningProcesses } from './rules/running-processes.ts';
import { uploads } from './rules/uploads.ts';

export const rules: readonly Rule[] = [
  ...jailLocation,
  ...privilegedFiles,
  ...outsideContacts,
  ...mountedHost,
  steeringFile,
  preload,
  ...manifestItself,
  ...writableFiles,
  ...loadedCode,
  ...differences,
  ...uploads,
  ...accountsAndSecrets,
  ...staleness,
  ...fitness,
  ...runningProcesses,
];
