// A manifest that cannot be believed.

import { STORE } from '../../manifest/layout.ts';
import { MANIFEST_PATH } from '../../manifest/manifest.ts';
import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const manifestFault: Rule = {
  id: 'manifest',
  group: 'tamper',
  severity: 'error',
  summary: 'The manifest of the jail is damaged, or others than root can change it.',
  attack:
    'Whoever can write the manifest says what was built, and a check by it finds nothing (CWE-345). It is not believed, and nothing is compared with it.',
  remedy: 'uchroot-jail build NEW-DIRECTORY --recipe FILE',
  isQuick: true,
  look: (jail) =>
    jail.manifestFault === undefined
      ? []
      : [
          {
            path: MANIFEST_PATH,
            message: `${jail.manifestFault}; nothing was compared with it`,
            remedy: commandLine('ls', '-la', hostPath(jail, STORE)),
          },
        ],
};
