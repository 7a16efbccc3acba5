// Looks a program up in the PATH that it will get, beneath the root of its jail.
import { constants } from 'node:fs';

import { findCommand } from '../../binary/env.ts';
import { bytePath, type BytePath, isWithin, joinPath, pathBytes, showPath } from '../../tree/path.ts';
import { exitStatuses, LaunchError } from '../../errors.ts';
import type { Way } from '../../trust/way.ts';
import { waysBeside } from '../host/ways-beside.ts';
import type { NormalRequest } from '../request/request.ts';
import { viewOfJail, type JailView } from './jail-view.ts';
import { pathOf } from './library-glance.ts';
import { buildCommand, isBuiltin, shellIn, similar } from './program-hint.ts';

type Binds = NormalRequest['view'];

function endsInProgram(way: Way | undefined): boolean {
  const mode = way?.endsInEntry === true ? (way.components.at(-1)?.mode ?? 0) : 0;
  return (mode & constants.S_IFMT) === constants.S_IFREG && (mode & constants.S_IXOTH) !== 0;
}

// A directory of PATH can be one of the host that the launch binds into the jail, where it cannot be seen before.
async function findInBinds(
  directories: readonly BytePath[],
  name: BytePath,
  view: Binds,
): Promise<BytePath | undefined> {
  const places = directories.flatMap((directory) =>
    view.flatMap((bind) => {
      if (bind.kind !== 'bind') return [];
      const target = bytePath(bind.target);
      if (!isWithin(directory, target)) return [];
      const source = `${bytePath(bind.source)}${directory.slice(target.length)}` as BytePath;
      return [{ onHost: joinPath(source, name), inside: joinPath(directory, name) }];
    }),
  );
  const ways = await waysBeside(places.map(({ onHost }) => onHost));
  return places.find(({ onHost }) => endsInProgram(ways.get(onHost)))?.inside;
}

function hintFor(view: Pick<JailView, 'jail' | 'root'>, word: BytePath): string {
  const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(word) ?? [];
  if (name !== undefined)
    return `write $({env: {${name}: '${showPath(value as BytePath)}'}}) before the template`;
  if (isBuiltin(word))
    return `${word} is a command of a shell: $\`${shellIn(view) ?? 'sh'} -c \${'${word} ...'}\``;
  const meant = similar(view, word);
  return meant === undefined ? buildCommand(view, word) : `did you mean ${showPath(meant)}?`;
}

/**
 * The path in the jail of a program that was given by its name, as a shell finds it. A name with a slash is a path already. Binds are
 * looked at on other threads.
 *
 * @throws LaunchError if no directory of PATH has it
 */
export async function findProgram(
  request: NormalRequest,
  name: Buffer,
  env: readonly Buffer[],
  jailFd: number,
): Promise<Buffer> {
  const word = bytePath(name);
  if (word.includes('/')) return name;
  const view = viewOfJail(request, jailFd);
  const path = bytePath(pathOf(env));
  const found = findCommand(view.root, word, { path, directory: bytePath(view.cwd) });
  if (found.kind === 'found') return pathBytes(found.path);
  const bound = await findInBinds(path.split(':') as BytePath[], word, request.view);
  if (bound !== undefined) return pathBytes(bound);
  throw new LaunchError(`${showPath(word)}: not found in the jail`, {
    step: 'execve',
    code: found.reason === 'denied' ? 'EACCES' : 'ENOENT',
    path: showPath(word),
    hint: hintFor(view, word),
    exitStatus: found.reason === 'denied' ? exitStatuses.unusable : exitStatuses.missing,
  });
}
