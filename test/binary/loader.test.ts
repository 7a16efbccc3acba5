// The directories of a search path.
import t from 'tap';

import { splitSearchPath } from '../../lib/binary/loader.ts';
import { toLatin1 } from '../../lib/tree/path.ts';

const tokens = { ORIGIN: '/opt/bin', LIB: 'lib', PLATFORM: undefined };
const split = (text: string) => splitSearchPath(toLatin1(Buffer.from(text)), tokens);

t.test('each directory is searched once, and others depend on the working directory', async (t) => {
  t.strictSame(split('/a:/b/:/a:lib::/b'), { directories: ['/a', '/b'], relative: ['lib', ''] });
  t.strictSame(split(''), { directories: [], relative: [] });
  t.strictSame(split(':'), { directories: [], relative: ['', ''] });
});

t.test('tokens are replaced, and an element with an unknown one is left out', async (t) => {
  t.strictSame(split('$ORIGIN/../${LIB}:/x/$PLATFORM:$ORIGINAL'), {
    directories: ['/opt/bin/../lib'],
    relative: ['$ORIGINAL'],
  });
});
