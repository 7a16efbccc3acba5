// A small part of the launch suite with isolated launches. CONTRIBUTING.md says how to run all of it so.
import { join } from 'node:path';

import t from 'tap';

import { plainEnv } from './support/service.ts';
import { unlessRoot } from './support/root.ts';

const skip = unlessRoot('gcc', 'script');

// They share no uid with a test that counts processes and may run at the same time.
for (const name of ['bin/uchroot-place', 'launch/start/jail']) {
  const file = join(import.meta.dirname, `${name}.root.test.js`);
  t.test(`isolated: ${name}`, { skip }, async (t) => {
    await t.spawn(
      process.execPath,
      ['--enable-source-maps', file],
      // the time of the whole file, and not of the child, is limited
      { env: plainEnv({ UCHROOT_ISOLATE: '1', TAP_TIMEOUT: '0' }) },
      name,
    );
  });
}
