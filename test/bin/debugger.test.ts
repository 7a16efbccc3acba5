// SIGUSR1 to the super-server made Node open a debugger, through which every user of the host could run code as root. SIGUSR2 ended it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

const directory = join(import.meta.dirname, '../../bin');
const names = ['uchroot', 'uchroot-jail', 'uchroot-tcpd', 'uchroot-inetd', 'uchroot-service'];
const env = { PATH: process.env.PATH, ...sanitizerEnv };

// Tells, when the command loads the addon, whether it listens to the signal already, and where a debugger listens.
const tells = `
  process.dlopen = () => {
    const { url } = process.getBuiltinModule('node:inspector');
    process.stdout.write(JSON.stringify({ listeners: process.listenerCount('SIGUSR1'), debugger: url() ?? null }));
    process.exit();
  };`;

for (const name of names) {
  t.test(`${name}: SIGUSR1 opens no debugger, and one that NODE_OPTIONS has opened is closed`, async (t) => {
    const hook = join(makeDirectory(t), 'hook.cjs');
    writeFileSync(hook, tells);
    const NODE_OPTIONS = `--inspect=127.0.0.1:0 --require=${hook}`;
    const words = [`${directory}/${name}.cjs`, '--version'];
    const { stdout } = spawnSync(process.execPath, words, {
      encoding: 'utf8',
      env: { ...env, NODE_OPTIONS },
    });
    t.same(JSON.parse(stdout), { listeners: 1, debugger: null });
  });

  t.test(`${name}: the first lines keep NODE_OPTIONS from Node`, async (t) => {
    const { status, stderr, stdout } = spawnSync(`${directory}/${name}.cjs`, ['--version'], {
      encoding: 'utf8',
      env: { ...env, NODE_OPTIONS: '--inspect=127.0.0.1:0 --not-an-option' },
    });
    t.same([status, stderr], [0, '']);
    t.match(stdout, new RegExp(`^${name} `));
  });

  // Before the first statement has run, Node's own handler gets the signal. So the address of the debugger cannot be listened on.
  t.test(`${name}: the first lines start a Node that can open no debugger`, async (t) => {
    const lines = readFileSync(`${directory}/${name}.cjs`, 'latin1').split('\n');
    const [, flags = ''] =
      lines.map((line) => /exec node (.*)-- "\$0" "\$@"$/.exec(line)).find(Boolean) ?? [];
    const script = `process.stdout.write('up'); process.stdin.resume()`;
    const child = spawn('/bin/sh', ['-c', `exec node ${flags} -e "${script}"`], { env });
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    await once(child.stdout, 'data');
    child.kill('SIGUSR1');
    await once(child.stderr, 'data');
    child.stdin.end();
    t.same(await once(child, 'close'), [0, null]);
    t.match(said, /^Starting inspector on ff00:::9229 failed: invalid argument\n/);
  });
}
