// uchroot --doctor, for root and for others, on hosts that refuse a part.
import t from 'tap';

import { capabilities } from '../../lib/launch/doctor/isolation-levels.ts';
import { rootTest, start, type Ended } from '../support/launch.ts';
import { ordinary } from '../support/ordinary.ts';
import { sanitized } from '../support/sanitizer.ts';

const test = rootTest('setpriv', 'unshare');
const uid = 61_416;
const { by, command, inNamespace, jail, run } = ordinary(uid);

interface Found {
  readonly best?: string;
  readonly levels: readonly {
    readonly name: string;
    readonly works: boolean;
    readonly lack?: { readonly code: string; readonly reason: string; readonly remedy?: string };
    readonly without: readonly {
      readonly option: string;
      readonly reason: string;
      readonly remedy: string;
    }[];
  }[];
}

const json = (ended: Ended): Found => JSON.parse(ended.stdout) as Found;
const report = ['--doctor', '--format', 'json'];
const doctor = [...command, ...report];

function level(found: Found, name: string): Found['levels'][number] | undefined {
  return found.levels.find((one) => one.name === name);
}

test('root has all levels but the one that it needs not', async (t) => {
  const ended = start(doctor);
  const found = json(ended);
  t.equal(ended.status, 0);
  t.equal(found.best, 'isolate');
  t.same(
    found.levels.map(({ name }) => name),
    ['isolate', 'rootless', 'landlock', 'bare', 'ids', 'limits', 'outbound'],
  );
  t.match(level(found, 'isolate'), { works: true, without: [] });
  t.match(level(found, 'outbound'), { works: true, option: '--isolate --connect-to', without: [] });
  t.match(level(found, 'rootless'), { works: false, lack: { code: 'ERR_ROOT' } });
  t.match(
    start([...command, '--doctor']).stdout,
    /^uid 0, gid 0: the highest level that works is isolate\nisolate {3}yes {2}--isolate\n/,
  );
});

test('an ordinary user has the rootless level, and what it says is what happens', async (t) => {
  const ended = start([...by, ...doctor]);
  const found = json(ended);
  t.equal(ended.status, 0);
  t.equal(found.best, 'rootless');
  t.match(level(found, 'rootless'), { works: true, without: [] });
  t.match(level(found, 'outbound'), { works: true, option: '--rootless --connect-to', without: [] });
  for (const name of ['isolate', 'landlock', 'bare'])
    t.match(level(found, name), { works: false, lack: { code: 'ERR_NOT_ROOT', remedy: /--rootless/ } });
  const all = ['--proc', '/proc', '--dev', '/dev', '--ephemeral', '--landlock'];
  t.equal(run([...all, String(uid), jail, '/probe', 'exit', '4']).status, 4);
});

test('what a host refuses is named with its setting and the remedy', async (t) => {
  const none = start(inNamespace('echo 0 > /proc/sys/user/max_user_namespaces', report));
  t.equal(none.status, 125);
  const refused = json(none);
  t.notOk('best' in refused);
  t.match(level(refused, 'rootless'), {
    works: false,
    lack: { code: 'ENOSPC', reason: /user\.max_user_namespaces is 0/, remedy: /sysctl -w/ },
  });
  const masked = json(start(inNamespace('mount --bind /dev/null /proc/timer_list', report)));
  t.equal(masked.best, 'rootless');
  t.match(level(masked, 'rootless')?.without, [
    {
      option: '--proc',
      reason: /\/proc is masked: \/proc\/timer_list are mounts/,
      remedy: /systempaths=unconfined/,
    },
  ]);
});

t.test('the library answers the same, whoever asks', async (t) => {
  const found = await capabilities();
  t.equal(found.uid, process.getuid?.());
  t.same(
    found.levels.map(({ name }) => name),
    ['isolate', 'rootless', 'landlock', 'bare', 'ids', 'limits', 'outbound'],
  );
  for (const { works, lack } of found.levels) t.equal(works, lack === undefined);
});

test('without /proc it says so, level by level', async (t) => {
  if (sanitized) {
    t.pass('the runtime of the sanitizers needs /proc');
    return;
  }
  const withoutProc = ['unshare', '--mount', 'sh', '-c', 'umount -l /proc && exec "$@"', 'sh'];
  const ended = start([...withoutProc, ...by, ...doctor]);
  t.equal(ended.status, 125, ended.stderr);
  const lack = { code: 'ENOENT', reason: /\/proc is not mounted/, remedy: /^mount -t proc/ };
  for (const name of ['rootless', 'limits']) t.match(level(json(ended), name), { works: false, lack });
});
