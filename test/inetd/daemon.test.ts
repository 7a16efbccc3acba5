// The life of uchroot-inetd, without a jail: it has no services here.
import { spawnSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';

import t from 'tap';

import { ManagerNotice } from '../../lib/inetd/report/service-manager.ts';
import { plainEnv } from '../support/service.ts';

t.test('SIGHUP during the start does not end it: it reads the configuration again', async (t) => {
  const script = `
    const { runDaemon } = await import(${JSON.stringify(new URL('../../lib/inetd/daemon.js', import.meta.url).href)});
    let count = 0;
    const alive = setInterval(() => undefined, 1000);
    const read = () => {
      process.kill(process.pid, ++count === 1 ? 'SIGHUP' : 'SIGTERM');
      return new Map();
    };
    await runDaemon({ read, statusSocket: undefined });
    clearInterval(alive);
  `;
  const { signal, status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: plainEnv(),
  });
  t.same([signal, status], [null, 0], stderr);
  t.match(stderr, /: no services\n.*: reloaded, no services\n/s);
});

t.test('a watchdog of 100 days is no timer that never rests', async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  t.ok(new ManagerNotice({ WATCHDOG_USEC: String(100 * 86_400e6) }, process.pid));
  await setImmediate();
  t.same(warnings, []);
});
