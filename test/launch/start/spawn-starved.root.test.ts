// The first launch of a service lacks a thread or an epoll set.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { runService } from '../../support/service.ts';

const skip = unlessRoot('strace');
const jail = skip === false ? makeJail(t, 'actor') : '';
const marker = join(jail, 'tmp/ran');
const planned = { jail, user: '61117:61117', program: '/actor', args: ['touch=/tmp/ran'] };
const request = { ...planned, stdio: 'ignore' };

/** The set of results of its launch, with the n-th and all later calls refused. */
async function refuse(
  call: string,
  error: string,
  places: readonly number[],
  asked: object = request,
): Promise<ReadonlySet<string>> {
  const told = new Set<string>();
  for (const place of places) {
    rmSync(marker, { force: true });
    const inject = `inject=${call}:error=${error}:when=${place}+`;
    const wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
    const { stdout } = await runService('refused', asked, { wrapper });
    // Otherwise Node itself failed to start.
    if (!stdout.startsWith('{')) continue;
    told.add(stdout);
    if (existsSync(marker)) throw new Error(`the program has run, and its launch was told ${stdout}`);
  }
  return told;
}

t.test('without a set of descriptors to wait for nothing is started', { skip }, async (t) => {
  const told = await refuse('epoll_create1', 'ENOMEM', [2, 3, 4, 5, 6]);
  t.strictSame(
    [...told].map((line) => JSON.parse(line) as object),
    [{ name: 'LaunchError', code: 'ENOMEM', call: 'epoll_create1' }],
  );
});

t.test('a thread that cannot be started is told as one', { skip }, async (t) => {
  for (const asked of [request, { ...planned, isPlanned: true }]) {
    const told = await refuse('clone3', 'EAGAIN', [7, 8, 9, 10, 11, 12, 13, 14, 15], asked);
    const [first] = [...told].map((line) => JSON.parse(line) as object);
    t.match(first, { name: 'LaunchError', code: 'EAGAIN', call: 'pthread_create', hint: /TasksMax=/ });
  }
});
