// A manifest that cannot be believed.

import { MANIFEST_PATH } from '../../manifest/manifest.ts';
import { decision } from '../command.ts';
import type { Rule } from '../rule.ts';

export const manifestFault: Rule = {
  id: 'manifest',
  group: 'tamper',
  severity: 'error',
  summary: 'The manifest of the jail is damaged, or others than root can change it.',
  attack:
    'Whoever can write the manifest says what was built, and a check by it finds nothing (CWE-345). It is not believed, and nothing is compared with it.',
  remedy: '# build it anew from its recipe: uchroot-jail build NEW-DIRECTORY --recipe FILE',
  isQuick: true,
  look: (jail) =>
    jail.manifestFault === undefined
      ? []
      : [
          {
            path: MANIFEST_PATH,
            message: `${jail.manifestFault}; nothing was compared with it`,
            remedy: decision('build it anew from its recipe, in another directory, and move its data over'),
          },
        ],
};
