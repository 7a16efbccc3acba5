// Removes the cgroups that services have left which have ended.
import { access, constants, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

import { caller, isOrdinary } from '../../trust/owner.ts';
import { attempt } from '../../words/system-error.ts';
import { hasEnded } from './process-start.ts';

/** The words of a file of the kernel. */
export const toWords = (content: string): readonly string[] =>
  content.split(/\s+/).filter((word) => word !== '');

export async function readWords(path: string): Promise<readonly string[]> {
  return toWords(await readFile(path, 'latin1'));
}

export const isThere = (path: string, mode = constants.F_OK): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

const leftBehind = /^uchroot-([0-9]+)-([0-9]+)-([0-9]+)-[0-9]+$/;

async function isLeft(base: string, name: string, prefix: string): Promise<boolean> {
  const [, namespace, pid, start] = leftBehind.exec(name) ?? [];
  if (pid === undefined || !prefix.startsWith(`uchroot-${namespace}-`)) return false;
  return hasEnded(Number(pid), start) && (await maySweep(`${base}/${name}`));
}

// An ordinary user can kill and remove only cgroups of his own.
async function maySweep(cgroup: string): Promise<boolean> {
  const owner = caller();
  if (!isOrdinary(owner)) return true;
  return stat(cgroup).then(
    ({ uid }) => uid === owner.uid,
    () => false,
  ); // another service has removed it
}

async function killAll(cgroup: string): Promise<void> {
  // version 1, and kernels before 5.14, do not have the file
  if (await isThere(`${cgroup}/cgroup.kill`)) return writeFile(`${cgroup}/cgroup.kill`, '1');
  for (const pid of await readWords(`${cgroup}/cgroup.procs`))
    attempt(() => process.kill(Number(pid), 'SIGKILL')); // unless it has ended
}

// A program may have made cgroups below its own: these must be removed first.
async function removeTree(cgroup: string): Promise<void> {
  for (const entry of await readdir(cgroup, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(`${cgroup}/${entry.name}`);
  await rmdir(cgroup);
}

const patienceMs = 2000;
const askAgainMs = 20;

// Killed processes need some time to leave it.
async function sweepOne(cgroup: string): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      await killAll(cgroup);
      return await removeTree(cgroup);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return; // another service has removed it
      if (performance.now() > until)
        return process.emitWarning(`${cgroup} cannot be removed: ${message}`, { code: 'UCHROOT_CGROUP' });
    }
    await wait(askAgainMs);
  }
}

/** Kills and removes what ended services have left in a cgroup. @param prefix how the names of this process begin */
export async function sweep(base: string, prefix: string): Promise<void> {
  const names = await readdir(base);
  await Promise.all(
    names.map(async (name) => (await isLeft(base, name, prefix)) && (await sweepOne(`${base}/${name}`))),
  );
}
