// Links of the host to the pid files and sockets that a service has in /run of its jail, so that logrotate, the control program of a
// daemon and the like find them. systemd-tmpfiles(8) makes them again at each boot.
import { lstatSync, readFileSync, readlinkSync, renameSync, rmSync, type Stats, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';

import { commandLine } from '../../words/shell-word.ts';
import { unless } from '../../words/system-error.ts';
import { jailOf } from './adoption.ts';
import { placeOf } from './adoption-record.ts';
import { isDeadSocket } from './dead-socket.ts';
import { mustRun } from './host-command.ts';
import { doing, makeHostDirectory, writeHostFile } from './host-file.ts';
import { OtherBehaviour } from './seen/comparison.ts';
import { runFiles } from './seen/behaviour.ts';
import { directoryIn } from './service-drop-in.ts';
import { processesOf } from './seen/behaviour.ts';

const tmpfilesOf = (unit: string): string => `/etc/tmpfiles.d/uchroot-${unit}.conf`;

const madeDirectory = /^d (\/run\/\S+) \S+ \S+ \S+$/gm;

const link = /^L\+ (\/run\/\S+) - - - - \S+$/gm;

const presentText = (unit: string): string =>
  unless(['ENOENT'], () => readFileSync(tmpfilesOf(unit), 'utf8')) ?? '';

/** The paths of the host that are links into the jail of a service. */
const linksOf = (unit: string): readonly string[] =>
  [...presentText(unit).matchAll(link)].map(([, path = '']) => path);

const statusOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

const isOurs = (unit: string, path: string): boolean =>
  statusOf(path)?.isSymbolicLink() === true && readlinkSync(path).startsWith(`${placeOf(unit)}/`);

// Another user could replace a directory that he may write, and root would make the link elsewhere.
function isRoots(directory: string): boolean {
  if (directory === '/run') return true;
  const status = statusOf(directory);
  if (status === undefined) return isRoots(dirname(directory));
  const isClosed = status.isDirectory() && status.uid === 0 && (status.mode & 0o022) === 0;
  return isClosed && isRoots(dirname(directory));
}

// `known` are paths that the service had before it was adopted. They are replaced.
function refuseLinks(unit: string, paths: readonly string[], known: ReadonlySet<string>): void {
  for (const path of paths) {
    const isFree =
      statusOf(path) === undefined || known.has(path) || isOurs(unit, path) || isDeadSocket(path);
    const isPlain = /^[\w/.@+-]+$/.test(path);
    if (isFree && isPlain && isRoots(dirname(path))) continue;
    const reason = isPlain
      ? isFree
        ? `other users than root can write to ${dirname(path)}`
        : `another program has ${path}`
      : 'its name has other characters than letters and digits';
    throw new OtherBehaviour(
      `${unit} makes ${path} in its jail, where programs of the host do not find it, and it cannot be linked there: ${reason}`,
      {
        code: 'ERR_SERVICE',
        hint:
          dirname(path) === '/run'
            ? `give it a place of its own, such as /run/${unit.replace(/\.service$/, '')}, in its configuration, and name that with --bind`
            : `${commandLine('--bind', dirname(path))} shares the directory with the host`,
      },
    );
  }
}

function makeLink(path: string, target: string): void {
  const temporary = `${path}.uchroot-new`;
  makeHostDirectory(dirname(path));
  doing(path, () => {
    rmSync(temporary, { force: true });
    symlinkSync(target, temporary);
    renameSync(temporary, path);
  });
}

/** Removes the links, so that a service without a jail makes its own files. They are remembered. */
function hideLinks(unit: string): void {
  for (const path of linksOf(unit).filter((one) => isOurs(unit, one))) rmSync(path);
}

/** Removes them for good. */
export function forgetLinks(unit: string): void {
  hideLinks(unit);
  rmSync(tmpfilesOf(unit), { force: true });
}

/** The pid files and sockets of a service that are only in /run of its jail. */
export async function onlyInJail(unit: string, jail: string): Promise<readonly string[]> {
  const { pidFiles, sockets } = runFiles(`${jail}/run`, await processesOf(unit));
  const linked = new Set(linksOf(unit));
  return [...pidFiles, ...sockets].filter((path) => !linked.has(path)).toSorted();
}

/**
 * Makes links to the pid files and sockets in the jail of a service that has just been adopted. Later it may be controlled by somebody
 * else, so that no new links are made.
 * @param known paths that the service had before. They are replaced.
 * @throws OtherBehaviour for a path that cannot become a link; JailError with the errno
 */
export async function linkRunFiles(unit: string, jail: string, known: ReadonlySet<string>): Promise<void> {
  const paths = await onlyInJail(unit, jail);
  refuseLinks(unit, paths, known);
  setLinks(unit, paths, jail);
}

// What other configuration of systemd-tmpfiles(8) makes.
async function madeByOthers(unit: string): Promise<ReadonlySet<string>> {
  const text = await mustRun('systemd-tmpfiles', ['--cat-config']);
  const others = text.split(/^(?=# \/)/m).filter((part) => !part.startsWith(`# ${tmpfilesOf(unit)}\n`));
  const lines = others.flatMap((part) => part.split('\n'));
  return new Set(
    lines.flatMap(
      (line) => /^[a-zA-Z][-+!^=~$]*\s+(\/\S+)/.exec(line)?.[1]?.replace(/^\/var\/run\//, '/run/') ?? [],
    ),
  );
}

/**
 * Has these directories of /run made at each boot, as they are now, so that they can be mounted. Without a jail the daemon makes them.
 * @throws JailError with the errno
 */
export async function makeAtBoot(unit: string, paths: readonly string[]): Promise<void> {
  const others = paths.length === 0 ? new Set() : await madeByOthers(unit);
  const lines = paths
    .filter((path) => !others.has(path) && statusOf(path)?.isDirectory() === true)
    .map((path) => {
      const { mode = 0, uid = 0, gid = 0 } = statusOf(path) ?? {};
      return `d ${path} ${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid} ${gid}`;
    });
  const rest = presentText(unit)
    .split('\n')
    .filter((line) => /^(r!|L\+) /.test(line));
  writeLines(unit, [...lines, ...rest]);
}

function writeLines(unit: string, lines: readonly string[]): void {
  if (lines.length === 0) rmSync(tmpfilesOf(unit), { force: true });
  else
    writeHostFile(
      tmpfilesOf(unit),
      `# Made by uchroot-service: \`uchroot-service release ${unit}\` removes it.\n${lines.join('\n')}\n`,
    );
}

// A daemon may mistake a pid file from before the boot for that of a process that runs, so it is removed. systemd-tmpfiles(8) follows
// links to the directory of a file, and the service can replace each directory but /run itself. So files elsewhere are not removed.
const linesFor = (path: string, jail: string): readonly string[] => [
  ...(dirname(path) === '/run' ? [`r! ${jail}${path}`] : []),
  `L+ ${path} - - - - ${jail}${path}`,
];

/** Makes links to these files of a jail, and no others. @throws JailError with the errno */
function setLinks(unit: string, paths: readonly string[], jail: string): void {
  for (const path of linksOf(unit).filter((one) => !paths.includes(one) && isOurs(unit, one))) rmSync(path);
  const directories = [...presentText(unit).matchAll(madeDirectory)].map(([line]) => line);
  writeLines(unit, [...directories, ...paths.flatMap((path) => linesFor(path, jail))]);
  for (const path of paths) makeLink(path, `${jail}${path}`);
}

/** Makes the links lead into the jail of a drop-in. Without a drop-in they are hidden. @throws JailError with the errno */
export function followDropIn(unit: string, dropIn: string | undefined): void {
  if (dropIn === undefined) {
    hideLinks(unit);
    return;
  }
  const paths = linksOf(unit);
  const directory = directoryIn(dropIn);
  if (paths.length > 0 && directory !== undefined) setLinks(unit, paths, jailOf(directory));
}

/** Makes the links those of the drop-in from before a change. An adoption that has failed leaves none. @throws JailError with the errno */
export function restoreLinks(unit: string, before: string | undefined): void {
  if (before === undefined) forgetLinks(unit);
  else followDropIn(unit, before);
}
