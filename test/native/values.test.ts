// Native calls while the worker that makes them is terminated: Node-API calls fail then, and the process must go on.
import { readdirSync, readFileSync } from 'node:fs';

import t from 'tap';

import { inChild } from '../support/child.ts';
import { packageDirectory } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const calls = {
  'a boolean': 'native.setBlocking(fd, true)',
  'paths in a list': 'native.renameAll(fd, [[path, path]])',
  'a path': 'native.inRootUnlink(fd, path)',
  'a query with keys': "native.readHost({ user: 'root', rootless: true }).catch(() => {})",
  'a text, and gives a function': 'native.openTexts(Buffer.from([65, 0]))',
  'a list of names':
    'native.makeSpaces({ plan: new Uint8Array(8), jailFd: fd, kinds: [path] }).catch(() => {})',
  'a launch': `native.spawn({ plan: new Uint8Array(8), jail: fd, launcherFd: fd, stdio: [-1, -1, -1],
    kept: [{ fd, target: 5 }], group: 'released', onStarted: () => {}, onExit: () => {}, spaces: [fd] })`,
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
      for (; ended < 30; ended++) {
        const worker = new Worker(${JSON.stringify(script)}, { eval: true, execArgv: [] });
        await new Promise((resolve) => worker.once('message', resolve));
        await setTimeout(ended % 4);
        await worker.terminate();
      }
      tell(ended);`);
    t.equal(ended, 30);
  });
}

// These end the process for a value that such a worker could not read.
t.test('native code that a worker can call converts values by values.h alone', (t) => {
  const sources = readdirSync(`${packageDirectory}/native`, { recursive: true, encoding: 'utf8' });
  // execInJail is for the main thread, which nobody terminates
  const called = sources.filter((name) => name.endsWith('.cc') && name !== 'start/exec.cc');
  const converts = /\.To(?:Boolean|Number|String|Object)\(\)|\.Get\([^()]*\)\s*\.As<|\.AddFinalizer\(/;
  t.ok(called.length > 40);
  t.same(
    called.filter((name) => converts.test(readFileSync(`${packageDirectory}/native/${name}`, 'utf8'))),
    [],
  );
  t.end();
});
