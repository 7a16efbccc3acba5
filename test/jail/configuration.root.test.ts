// A configuration file that was edited or removed in the jail stays so until it is replaced.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { checkJail } from '../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../support/directory.ts';
import { faultsOf, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
interface Place {
  readonly jail: string;
  /** The system that the jail is built from. */
  readonly root: string;
}

/** A jail with a configuration file, which the host has in another version now. */
async function makeConfigured(t: Test): Promise<Place & { readonly file: string }> {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  mkdirSync(`${root}/etc/app`, { recursive: true });
  writeFileSync(`${root}/etc/app/conf`, 'first\n');
  await buildJail({ directory: jail, from: root, copies: ['/etc/app'] });
  writeFileSync(`${root}/etc/app/conf`, 'second\n');
  return { jail, root, file: `${jail}/etc/app/conf` };
}

t.test(
  'an update with an edited configuration ends with 3 until somebody says that it is to be kept',
  asRoot,
  async (t) => {
    const { jail, root, file } = await makeConfigured(t);
    appendFileSync(file, 'by hand\n');
    const update = (...words: readonly string[]) => uchrootJail(['update', jail, ...words]);
    const told = update();
    t.equal(told.status, 3);
    const line = /to keep them: uchroot-jail (update .*)$/m.exec(told.stderr)?.[1]?.split(' ') ?? [];
    t.same(line, ['update', jail, '--keep', '/etc/app/conf']);
    t.equal(update('--keep', '/etc/app/conf', '--plan').status, 0);
    t.equal(update().status, 3, 'a plan records nothing');
    t.match(uchrootJail(line), { status: 0, stderr: '' });
    t.match(update(), { status: 0, stderr: '', stdout: /left as it is: \/etc\/app\/conf: it was changed/ });
    t.equal(readFileSync(file, 'utf8'), 'first\nby hand\n');
    t.match(
      (await checkJail({ directory: jail })).findings.filter(({ severity }) => severity !== 'note'),
      [{ rule: 'edited', path: '/etc/app/conf' }],
    );
    writeFileSync(`${root}/etc/app/conf`, 'third\n');
    t.equal(update().status, 3, 'other news');
    t.match(update('--keep', '/etc', '--replace', '/etc/app/conf'), {
      status: 1,
      stderr: /kept and .*replaced/,
    });
    t.match(update('--keep', '/etc/nothing'), { status: 1, stderr: /\/etc\/nothing cannot be kept/ });
    t.equal(update('--replace', '/etc/app/conf').status, 0);
    t.equal(readFileSync(file, 'utf8'), 'third\n');
  },
);

t.test(
  'a configuration file that was removed in the jail does not come back by itself',
  asRoot,
  async (t) => {
    const { jail, root, file } = await makeConfigured(t);
    writeFileSync(`${root}/etc/app/conf`, 'first\n');
    unlinkSync(file);
    const update = (...words: readonly string[]) => uchrootJail(['update', jail, ...words]);
    t.match(update(), {
      status: 0,
      stderr: '',
      stdout: /left as it is: \/etc\/app\/conf: it was removed in the/,
    });
    t.notOk(existsSync(file));
    const { findings } = await checkJail({ directory: jail });
    t.match(
      findings.filter(({ rule }) => rule === 'missing'),
      [{ severity: 'warning', path: '/etc/app/conf', remedy: /--replace \/etc\/app\/conf/ }],
    );
    writeFileSync(`${root}/etc/app/conf`, 'second\n');
    t.equal(update().status, 3, 'the host has news');
    t.equal(update('--keep', '/etc/app').status, 0);
    t.equal(update().status, 0);
    t.notOk(existsSync(file));
    t.equal(update('--replace', '/etc/app/conf').status, 0);
    t.equal(readFileSync(file, 'utf8'), 'second\n');
    t.same(faultsOf(jail), []);
  },
);

// The file came back with its directory, without a word.
t.test(
  'configuration that was removed with its directory does not come back by itself',
  asRoot,
  async (t) => {
    const { jail, file } = await makeConfigured(t);
    rmSync(dirname(file), { recursive: true });
    t.match(await updateJail({ directory: jail, plan: true }), {
      left: [{ path: '/etc/app/conf', because: 'removed' }],
    });
    t.match(await updateJail({ directory: jail }), { left: [{ path: '/etc/app/conf', because: 'removed' }] });
    t.notOk(existsSync(file));
    await updateJail({ directory: jail, replace: ['/etc/app'] });
    t.ok(existsSync(file));
    t.same(faultsOf(jail), []);
  },
);
