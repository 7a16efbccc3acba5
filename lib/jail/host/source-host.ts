// Opens the host, or the other root, that a jail is built from.

import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { endianness } from 'node:os';
import { readSmallText } from '../../binary/loader-conf.ts';
import { BASELINE, type Cpu, hostAbi, readCpu } from '../../binary/machine.ts';
import { mergeCommands } from '../../tree/merged-usr.ts';
import {
  type BytePath,
  bytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  toLatin1,
} from '../../tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { commandLine } from '../../words/shell-word.ts';
import { caller } from '../../trust/owner.ts';
import { errorCode, lookOr } from '../../words/system-error.ts';
import { MANIFEST_PATH } from '../manifest/manifest.ts';
import { wordsOf } from '../work/jail-error.ts';
import { closing } from '../work/closing.ts';
import { closedTo } from './jail-directory.ts';
import { canBeJail, withoutManifest } from './jail-place.ts';
import { STORE } from '../manifest/layout.ts';

/** Opens a jail that was built; the caller closes it. @throws JailError ENOENT, ENOTDIR, EPERM, ERR_NO_MANIFEST */
export function openBuilt(directory: BytePath): DirectoryRoot {
  const jail = openRoot(directory, (code) => `: ${WORDS[code] ?? code}`);
  if (hasManifest(jail, directory)) return jail;
  return closing(jail, () => {
    throw notBuilt(jail, directory);
  });
}

/** The error for a directory that no build has made a jail, with the jail that is meant, or the command that makes it one. */
export const notBuilt = (jail: DirectoryRoot, directory: BytePath): JailError =>
  withoutManifest(jail, directory, { hint: nearJailHint(directory) ?? toBuild(jail, directory) });

// How a directory becomes a jail with a manifest.
function toBuild(jail: DirectoryRoot, directory: BytePath): string {
  return isNoPlace(jail, directory)
    ? 'name a directory that uchroot-jail has built'
    : `${merging(jail, directory)}${commandLine('uchroot-jail', 'build', directory, '/bin/sh')}   # adds to it, and writes its manifest`;
}

// Commands that come before a build, if the jail has directories where the host has links.
function merging(jail: DirectoryRoot, directory: BytePath): string {
  const isMerged = lstatSync('/bin', { throwIfNoEntry: false })?.isSymbolicLink() === true;
  const commands = isMerged ? mergeCommands(directory, jail) : undefined;
  return commands === undefined ? '' : `${commands} && `;
}

// Whether a build there would be refused.
function isNoPlace(jail: DirectoryRoot, directory: BytePath): boolean {
  if (directory === '/' || `${directory}/`.startsWith('/usr/')) return true;
  return lookOr(true, () => !canBeJail(jail)); // it may not be read
}

// The store of a jail can be searched by its owner only.
function hasManifest(jail: DirectoryRoot, directory: BytePath): boolean {
  try {
    return jail.lstat(MANIFEST_PATH) !== undefined;
  } catch (error) {
    const { uid } = native.inRootFstat(jail.fd);
    jail.close();
    throw errorCode(error) === 'EACCES' ? closedTo(uid, directory) : error;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  ENOTDIR: 'it is not a directory',
  ELOOP: 'the symbolic links on the way lead in a circle',
  EACCES: 'it may not be searched',
};

export type Host = ReturnType<typeof openHost>;

/** @throws JailError if `from` is not a directory. */
export function openHost(from: BytePath | undefined) {
  const root = openRoot(
    from ?? bytePath('/'),
    (_, error) => `, to build the jail from: ${wordsOf(error as Error)}`,
  );
  // another system may be for another machine, so only files for every processor are taken
  const cpu: Cpu = from === undefined ? readHostCpu(root) : BASELINE;
  return { root, cpu, close: () => root.close() };
}

/** `wordsFor` ends the message of an error, which begins with the path. */
function openRoot(directory: BytePath, wordsFor: (code: string, error: unknown) => string): DirectoryRoot {
  try {
    return openFileRoot(pathBytes(directory), caller());
  } catch (error) {
    const code = errorCode(error) ?? 'EIO';
    const path = showPath(directory);
    const hint = code === 'ENOTDIR' ? nearJailHint(directory) : undefined;
    throw new JailError(`${path}${wordsFor(code, error)}`, {
      code,
      path,
      ...(hint !== undefined && { hint }),
    });
  }
}

function readHostCpu(host: DirectoryRoot): Cpu {
  const abi = hostAbi(process.arch, endianness());
  const text = readSmallText(host, bytePath('/proc/cpuinfo'), 16 << 20);
  return abi === undefined || text === undefined ? BASELINE : readCpu(text, abi);
}

/** Whether a directory looks like one that uchroot-jail has built. */
function isBuilt(directory: BytePath): boolean {
  return existsSync(pathBytes(`${directory}${STORE}` as BytePath));
}

/** The jail around an absolute path of the host, and the path as the jail has it, without links above its last component. */
export function jailAround(
  path: BytePath,
): { readonly jail: BytePath; readonly inside: BytePath } | undefined {
  for (let jail = parentPath(path); jail !== '/'; jail = parentPath(jail)) {
    if (!isBuilt(jail)) continue;
    const [top, above] = [jail, parentPath(path)].map((each) =>
      lookOr(each, () => toLatin1(realpathSync(pathBytes(each), 'buffer'))),
    ) as [BytePath, BytePath];
    const whole = joinPath(isWithin(above, top) ? above : parentPath(path), lastComponent(path));
    return { jail, inside: whole.slice((isWithin(above, top) ? top : jail).length) as BytePath };
  }
  return undefined;
}

/** A hint for a directory that is no jail: the jail around it, or those directly in it; undefined if there is none. */
function nearJailHint(directory: BytePath): string | undefined {
  const around = jailAround(directory);
  if (around !== undefined) return `did you mean ${showPath(around.jail)}?`;
  const names = lookOr([], () => readdirSync(pathBytes(directory), 'buffer')).map(toLatin1);
  const jails = names.map((name) => joinPath(directory, name)).filter(isBuilt);
  const shown = jails.slice(0, 5).map(showPath);
  if (shown.length < 2) return shown[0] && `did you mean ${shown[0]}?`;
  return `name one jail, such as ${shown.join(' or ')}`;
}
