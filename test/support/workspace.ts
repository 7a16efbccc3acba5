// For tests of workspaces: a jail with a few programs, and projects of an ordinary user.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { openJail, workspaceChanges, type Jail, type WorkspaceChange } from '../../lib/index.ts';
import { workspacePlace } from '../../lib/launch/host/workspace.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { uchrootJail } from './builder.ts';
import { temporaryDirectory } from './launch.ts';
import { unlessRoot } from './root.ts';

const skip = unlessRoot();

/** Holds the jail and the projects. */
export const top: string = skip === false ? temporaryDirectory() : '/';
export const jailDirectory = `${top}/jail`;
/** The owner of the projects. */
export const owner = 61_700;

const programs = 'bash mkdir rm ln mv touch chmod mkfifo find cat sleep cp rmdir setfattr head ls'.split(' ');

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jailDirectory, ...programs]);
  if (built.status !== 0) throw new Error(built.stderr);
});

export const test = (name: string, run: (t: Test) => Promise<void>): Promise<unknown> =>
  t.test(name, { skip }, run);

export interface Bench {
  readonly directory: string;
  /** Runs a script in the workspace. */
  readonly run: (text: string, user?: string) => ReturnType<Jail['run']>;
  readonly changes: () => Promise<readonly string[]>;
}

let count = 0;

/** A project of an ordinary user, which is a workspace. `mount` is called with the empty directory. */
export function makeProject(
  t: Test,
  uid = owner,
  mount?: (directory: string) => void,
  name = 'project',
): Bench {
  const directory = `${top}/${name}-${++count}`;
  mkdirSync(directory);
  mount?.(directory);
  mkdirSync(`${directory}/src/deep`, { recursive: true });
  for (const name of ['a', 'b', 'src/c', 'src/deep/d']) writeFileSync(`${directory}/${name}`, `${name}\n`);
  execFileSync('chown', ['-R', `${uid}:${uid}`, directory]);
  mkdirSync(`${jailDirectory}${directory}`, { recursive: true });
  t.teardown(() => {
    if (mount !== undefined) execFileSync('umount', [directory]);
    for (const path of [directory, workspacePlace(bytePath(directory))])
      rmSync(path, { recursive: true, force: true });
  });
  const run = async (text: string, user = 'auto') => {
    const jail = await openJail(jailDirectory, { user, isolate: true, workspace: directory });
    try {
      return await jail.run({ program: '/bin/bash', args: ['-c', text], reject: false });
    } finally {
      jail.close();
    }
  };
  return { directory, run, changes: async () => shown(await workspaceChanges({ directory })) };
}

const shown = (list: readonly WorkspaceChange[]): readonly string[] =>
  list.map(({ path, change, kind, executed, conflict }) =>
    [change, path, kind, executed === true ? 'executed' : '', conflict === true ? 'conflict' : '']
      .filter(Boolean)
      .join(' '),
  );
