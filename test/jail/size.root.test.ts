// How large a jail is, against the one that jailkit makes for the same programs.
import { mkdirSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

const skip =
  unlessRoot('jk_cp', 'jk_init', 'du') || (sanitized && 'the sanitized build preloads its runtime');

function kibibytes(directory: string): number {
  return Number(start(['du', '-sk', directory]).stdout.split('\t')[0]);
}

t.test("a jail for bash, ls and id is no larger than jailkit's", { skip }, async (t) => {
  // jailkit accepts nothing below a directory that others can write
  const base = makeDirectory(t, '/var/lib');
  const programs = ['/bin/bash', '/bin/ls', '/usr/bin/id'];
  for (const jail of ['plain', 'named']) {
    mkdirSync(`${base}/${jail}`);
    t.equal(start(['jk_cp', '-j', `${base}/${jail}`, ...programs]).status, 0);
  }
  t.equal(start(['jk_init', '-j', `${base}/named`, 'uidbasics']).status, 0);
  await buildJail({ directory: `${base}/bare`, programs, withoutPacks: ['base'] });
  await buildJail({ directory: `${base}/ours`, programs, users: ['nobody'] });
  t.ok(kibibytes(`${base}/bare`) <= kibibytes(`${base}/plain`), 'programs and libraries alone');
  t.ok(
    kibibytes(`${base}/ours`) < kibibytes(`${base}/named`),
    'where id prints a name, devices and /tmp included',
  );
});
