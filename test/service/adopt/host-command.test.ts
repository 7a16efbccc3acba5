// Programs of the host, run to their ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { mustRun, runHost } from '../../../lib/service/adopt/host-command.ts';
import { packageDirectory } from '../../support/launch.ts';

t.test('what a program says, and how it ends', async (t) => {
  const script = 'echo "out $LC_ALL $EXTRA"; echo err >&2; exit 3';
  t.strictSame(await runHost('sh', ['-c', script], { variables: { EXTRA: 'more' } }), {
    status: 3,
    stdout: 'out C.UTF-8 more\n',
    stderr: 'err\n',
  });
  await t.rejects(mustRun('sh', ['-c', script]), { code: 'ERR_SERVICE', message: /: err$/ });
  await t.rejects(runHost('no-such-program', []), {
    code: 'ENOENT',
    message: 'no-such-program could not be run: it is not installed',
  });
  await t.rejects(runHost('sh', ['-c', 'kill -TERM $$']), {
    code: 'ERR_SERVICE',
    message: 'sh could not be run: SIGTERM',
  });
});

t.test('an abort ends it', async (t) => {
  const abort = new AbortController();
  const waiting = runHost('sleep', ['60'], { signal: abort.signal });
  abort.abort();
  await t.rejects(waiting, { name: 'AbortError' });
  await t.rejects(runHost('sleep', ['60'], { signal: abort.signal }), { name: 'AbortError' });
});

t.test('a child that Ctrl-C met before it had its own session is run again', async (t) => {
  const mark = `${t.testdir({})}/met`;
  const script = `test -e ${mark} || { : >${mark}; kill -INT $$; }; echo whole`;
  t.equal((await runHost('sh', ['-c', script])).stdout, 'whole\n');
});

t.test('Ctrl-C, which a whole process group gets, does not reach it', async (t) => {
  const script = `
    import { runHost } from '${packageDirectory}/dist/lib/service/adopt/host-command.js';
    process.on('SIGINT', () => {});
    const ended = runHost('sh', ['-c', 'sleep 0.5; echo whole']);
    process.kill(-process.pid, 'SIGINT');
    console.log((await ended).stdout);`;
  const words = ['--input-type=module', '-e', script];
  const child = spawn(process.execPath, words, {
    detached: true,
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  t.equal(said, 'whole\n\n');
});
