// Keys that callers know from elsewhere: each row of the tables leads to a key that its calls have.
import t from 'tap';

import { foreignKeys } from '../../../lib/launch/request/foreign-keys.ts';
import { jailRows } from '../../../lib/launch/request/jail-rows.ts';
import { launchRows, normalize } from '../../../lib/launch/request/request.ts';
import { normalizeRun, runRows } from '../../../lib/launch/request/run-rows.ts';
import { spawnRows } from '../../../lib/launch/request/spawn-rows.ts';

const known = { ...launchRows, ...spawnRows, ...runRows, ...jailRows };

t.test('a key of another library has one counterpart here', async (t) => {
  for (const [foreign, meant] of Object.entries(foreignKeys)) {
    if (meant.includes(' ')) continue;
    t.ok(Object.hasOwn(known, meant), `${foreign}: ${meant}`);
    t.throws(
      () => normalizeRun({ user: 'sam', jail: '/srv/jail', [foreign]: 1 }),
      { message: `unknown key '${foreign}'`, hint: `did you mean '${meant}'?` },
      foreign,
    );
  }
});

t.test('a key of another call is told with that call', async (t) => {
  for (const [key, table, call] of [
    ...Object.keys(runRows).map((key) => [key, runRows, 'runInJail()'] as const),
    ...['stdio', 'timeoutMs', 'signal', 'forceKillAfterMs', 'newGroup'].map(
      (key) => [key, spawnRows, 'spawnInJail()'] as const,
    ),
    ...Object.keys(jailRows).map((key) => [key, jailRows, 'openJail()'] as const),
  ]) {
    t.ok(Object.hasOwn(table, key), key);
    t.throws(() => normalize({ user: 'sam', jail: '/srv/jail', [key]: 1 }), {
      message: `unknown key '${key}'`,
      hint: new RegExp(`^${key} is a key of ${call.replace('()', String.raw`\(\)`)}`),
    });
  }
});
