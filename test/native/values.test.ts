// Native calls while the worker that makes them is terminated: Node-API calls fail then, and the process must go on.
import t from 'tap';

import { inChild } from '../support/child.ts';
import { unlessRoot } from '../support/root.ts';

const calls = {
  'a boolean': 'native.lockFile(fd, true)',
  'paths in a list': 'native.renameAll(fd, [[path, path]])',
  'a path': 'native.inRootUnlink(fd, path, true)',
};
const library = new URL('../../lib/native.js', import.meta.url).href;

for (const [name, call] of Object.entries(calls)) {
  t.test(`a worker can be terminated while a call takes ${name}`, { skip: unlessRoot() }, async (t) => {
    const script = `import(${JSON.stringify(library)}).then(({ native }) => {
      const fd = require('node:fs').openSync('/', 'r');
      const path = Buffer.from('/none/at/all');
      require('node:worker_threads').parentPort.postMessage('begun');
      for (;;) try { ${call}; } catch {}
    })`;
    const ended = inChild(`
      import { setTimeout } from 'node:timers/promises';
      import { Worker } from 'node:worker_threads';
      let ended = 0;
      for (; ended < 60; ended++) {
        const worker = new Worker(${JSON.stringify(script)}, { eval: true, execArgv: [] });
        await new Promise((resolve) => worker.once('message', resolve));
        await setTimeout(ended % 4);
        await worker.terminate();
      }
      tell(ended);`);
    t.equal(ended, 60);
  });
}
