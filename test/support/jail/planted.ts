// Jails in which a test plants a defect, and what becomes of them by a remedy.
import { writeFileSync } from 'node:fs';

import type { Test } from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../directory.ts';
import { jailCommand } from '../builder.ts';
import { searchPath, start } from '../launch.ts';
import { must } from '../template.ts';

/** Makes copies of a jail that is built once. */
export function openTemplate(file: Test): (t: Test) => Promise<string> {
  const base = makeDirectory(file);
  const template = `${base}/template`;
  let made = 0;
  return async (t) => {
    if (made++ === 0) await buildJail({ directory: template, programs: ['bash', 'ls'], users: ['nobody'] });
    const jail = `${base}/jail${made}`;
    must(['cp', '-a', template, jail]);
    t.teardown(() => void must(['rm', '-rf', '--one-file-system', jail]));
    return jail;
  };
}

/** A directory in which a shell finds the command. */
export function putCommands(t: Test): string {
  const commands = makeDirectory(t);
  const script = `#!/bin/sh\nexec ${jailCommand.join(' ')} "$@"\n`;
  writeFileSync(`${commands}/uchroot-jail`, script, { mode: 0o755 });
  return commands;
}

interface Told {
  readonly rule: string;
  readonly jail: string;
  /** The remedies of its findings. */
  readonly told: readonly string[];
}

/** Carries out remedies, by the commands in a directory: what is a command line mends it, and loses nothing. */
export async function mend(t: Test, commands: string, { rule, jail, told }: Told): Promise<void> {
  const open = told.filter((remedy) => remedy.startsWith('# '));
  const before = open.length === told.length ? [] : contentsOf(jail);
  for (const remedy of told) {
    const { status, stderr } = start(['bash', '-c', remedy], { env: { PATH: `${commands}:${searchPath}` } });
    t.equal(status, 0, `${remedy}: ${stderr}`);
  }
  if (open.length === told.length) return;
  const after = new Set(contentsOf(jail));
  t.same(
    before.filter((hash) => !after.has(hash)),
    [],
    'a remedy loses nothing',
  );
  const left = (await checkJail({ directory: jail })).findings.filter((one) => one.rule === rule);
  t.equal(left.length, open.length, 'what was done is found no more');
}

/** The hashes of all files but those of the accounts, whose lines remedies change. */
function contentsOf(jail: string): readonly string[] {
  return must(['find', jail, '-xdev', '-type', 'f', '-exec', 'sha256sum', '{}', '+'])
    .split('\n')
    .filter((line) => !/\/etc\/(?:passwd|group|shadow|gshadow)-?$|\/\.uchroot\//.test(line))
    .map((line) => line.slice(0, 64));
}
