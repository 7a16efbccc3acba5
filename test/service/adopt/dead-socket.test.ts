// Socket files whose program has gone.
import { symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { native } from '../../../lib/native.ts';
import { isDeadSocket } from '../../../lib/service/adopt/dead-socket.ts';
import { makeDirectory } from '../../support/directory.ts';

const stream = 1;

t.test('a socket file is dead when its server has closed the socket', async (t) => {
  const directory = makeDirectory(t); // a path of a socket is short
  const path = `${directory}/s`;
  const fd = native.bindUnix(stream, path);
  t.notOk(isDeadSocket(path), 'its server has it');
  native.closeDescriptor(fd);
  t.ok(isDeadSocket(path));
  symlinkSync('s', `${directory}/link`);
  writeFileSync(`${directory}/file`, '');
  for (const name of ['link', 'file', 'nothing']) t.notOk(isDeadSocket(`${directory}/${name}`), name);
});
