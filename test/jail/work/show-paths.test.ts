import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { showPaths } from '../../../lib/jail/work/show-paths.ts';

t.test('five paths are shown, and the number of the others', async (t) => {
  const paths = ['/a', '/b', '/c', '/d', '/e', '/f', '/g'].map((path) => bytePath(path));
  t.equal(showPaths(paths.slice(0, 1)), '/a');
  t.equal(showPaths(paths.slice(0, 5)), '/a, /b, /c, /d, /e');
  t.equal(showPaths(paths), '/a, /b, /c, /d, /e, and 2 more');
});
