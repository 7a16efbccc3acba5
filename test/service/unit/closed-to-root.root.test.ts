// Which ways are closed to a root without capabilities: access(2) of such a process is the second opinion.
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { isClosedToRoot } from '../../../lib/service/unit/closed-to-root.ts';
import { start } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';

const skip = unlessRoot('setpriv');

// Whether root without capabilities cannot reach it.
function refuses(path: string): boolean {
  const words = [
    'setpriv',
    '--clear-groups',
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--securebits=+noroot',
  ];
  return start([...words, 'test', '-r', path]).status !== 0;
}

t.test(
  'a directory that root cannot search, and a file that it cannot read, close a way',
  { skip },
  async (t) => {
    const base = t.testdir();
    chmodSync(base, 0o755);
    const cases: readonly (readonly [mode: number, uid: number, gid: number])[] = [
      [0o755, 0, 0],
      [0o700, 0, 0],
      [0o700, 1000, 0],
      [0o750, 1000, 0],
      [0o750, 1000, 1000],
      [0o711, 1000, 1000],
      [0o701, 1000, 0],
      [0o607, 0, 1000],
    ];
    for (const [mode, uid, gid] of cases) {
      const directory = `${base}/${mode.toString(8)}-${uid}-${gid}`;
      mkdirSync(directory);
      writeFileSync(`${directory}/file`, '');
      symlinkSync(`${directory}/file`, `${directory}-link`);
      writeFileSync(`${directory}-file`, '');
      for (const path of [directory, `${directory}-file`]) {
        chownSync(path, uid, gid);
        chmodSync(path, mode);
      }
      for (const path of [`${directory}/file`, `${directory}-link`, `${directory}-file`])
        t.equal(isClosedToRoot(bytePath(path)), refuses(path), path);
    }
    t.equal(isClosedToRoot(bytePath(`${base}/none`)), false, 'what is not there is not closed');
    t.equal(isClosedToRoot(bytePath(`${base}/700-1000-0/none`)), true);
  },
);
