// What watches launches, and what it is told.
import { spawnSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';

import t from 'tap';

import { normalize } from '../../../lib/launch/request/request.ts';
import { isWatched, nameOf, publish } from '../../../lib/launch/start/launch-events.ts';

const exit = { launch: { user: 'sam', jail: '/srv', program: '/bin/ls' }, pid: 5, exitCode: 0 } as never;

t.test('a subscriber to one channel is enough', async (t) => {
  t.notOk(isWatched());
  const told: unknown[] = [];
  const onExit = (event: unknown): void => void told.push(event);
  channel('uchroot:exit').subscribe(onExit);
  t.ok(isWatched());
  publish('exit', exit);
  t.equal(told[0], exit);
  channel('uchroot:exit').unsubscribe(onExit);
  t.notOk(isWatched());
});

t.test('a launch is called by its words', async (t) => {
  const request = normalize({ user: 'sam', jail: '/srv/j\n', program: '/bin/l s' });
  t.same(nameOf(request), { user: 'sam', jail: '/srv/j\\n', program: '/bin/l s' });
  t.equal(nameOf(normalize({ user: 'sam', group: 'www', jail: '/srv' })).user, 'sam:www');
  t.equal(nameOf(normalize({ user: 'sam', jail: '/srv' })).program, undefined);
});

t.test('NODE_DEBUG=uchroot writes a line an event, and nothing else does', async (t) => {
  const lines = `
    const { isWatched, publish } = await import(${JSON.stringify(
      new URL('../../../lib/launch/start/launch-events.js', import.meta.url),
    )});
    const launch = { user: 'sam', jail: '/srv', program: undefined };
    publish('start', { launch, pid: 5 });
    publish('denial', { launch: { ...launch, program: '/bin/ls' }, error: new Error('no such user') });
    console.log(isWatched());`;
  const run = (env: Record<string, string>) => {
    const words = ['--input-type=module', '-e', lines];
    const { stdout, stderr } = spawnSync(process.execPath, words, { env, encoding: 'utf8' });
    return { stdout, stderr: stderr.replace(/^UCHROOT \d+: /gm, '') };
  };
  t.same(run({}), { stdout: 'false\n', stderr: '' });
  t.same(run({ NODE_DEBUG: 'uchroot' }), {
    stdout: 'true\n',
    stderr:
      'start: a shell in /srv as sam {"pid":5}\n' +
      'denial: /bin/ls in /srv as sam {"error":"no such user"}\n',
  });
});
