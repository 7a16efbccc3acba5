// A jail that was made by hand.

import { MANIFEST_PATH } from '../../manifest/manifest.ts';
import { decision } from '../command.ts';
import type { Rule } from '../rule.ts';

export const noManifest: Rule = {
  id: 'no-manifest',
  group: 'tamper',
  severity: 'warning',
  summary: 'The jail has no manifest: uchroot-jail has not built it.',
  attack:
    'What was put into it, and whether it is still the same, nobody knows (CWE-353). Only what is wrong by itself can be found.',
  remedy: '# build it: uchroot-jail build NEW-DIRECTORY PROGRAM...',
  look: (jail) =>
    jail.manifest === undefined && jail.manifestFault === undefined
      ? [
          {
            path: MANIFEST_PATH,
            message: 'there is none: whether the jail is still what was built cannot be told',
            remedy: decision(
              'build it: uchroot-jail build NEW-DIRECTORY PROGRAM...; or leave it so: --ignore no-manifest',
            ),
          },
        ]
      : [],
};
