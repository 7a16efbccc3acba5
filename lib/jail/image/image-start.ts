// What a launch of an image begins with: its user as ids, its program as a path. Names are looked up in the image when it becomes a jail, and never
// by a launch.
import { type BytePath, bytePath, joinPath, lastComponent, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { quote } from '../../words/quote.ts';
import { readFile } from '../dpkg/readable-files.ts';
import { isExecutable, withoutDots } from '../host/given-path.ts';
import type { ImageOrigin } from '../manifest/image-origin.ts';
import type { ImageConfig } from './image-documents.ts';
import type { ReadImage } from './read-image.ts';

export interface ImageStart {
  readonly origin: ImageOrigin;
  /** Sentences about what could not be taken over. */
  readonly notes: readonly string[];
}

/** @param root the unpacked image */
export function startOf(name: BytePath, { config, digest }: ReadImage, root: FileRoot): ImageStart {
  const given = { name: lastComponent(name), digest };
  if (config === undefined) return { origin: { ...given, args: [], env: [] }, notes: [] };
  const notes: string[] = [];
  const user = userOf(config, root, notes);
  const [word, ...args] = [...config.entrypoint, ...config.cmd];
  const program = word === undefined ? undefined : findProgram(word, config, root, notes);
  const cwd =
    config.workingDir === undefined
      ? undefined
      : withoutDots(joinPath('/' as BytePath, bytePath(config.workingDir)));
  const hasCwd = cwd !== undefined && cwd !== '/' && walk(root, cwd).kind === 'found';
  if (cwd !== undefined && cwd !== '/' && !hasCwd)
    notes.push(`its working directory ${showPath(cwd)} is not in the image: a launch begins in /`);
  const env = config.env.filter((one) => one.indexOf('=') > 0);
  return {
    origin: {
      ...given,
      ...user,
      ...(program !== undefined && { program }),
      args: program === undefined ? [] : args,
      env,
      ...(hasCwd && { cwd }),
    },
    notes,
  };
}

const isNumber = (word: string): boolean => /^[0-9]{1,9}$/.test(word);

// USER[:GROUP], both names or numbers (image-spec, "config.md").
function userOf(
  { user = '' }: ImageConfig,
  root: FileRoot,
  notes: string[],
): Pick<ImageOrigin, 'user' | 'userName'> {
  const [name = '', groupName] = user.split(':');
  if (name === '' || name === '0' || name === 'root') return {};
  const lines = (path: string) =>
    Buffer.from(readFile(root, bytePath(path)) ?? [])
      .toString('latin1')
      .split('\n')
      .map((line) => line.split(':'));
  const account = lines('/etc/passwd').find(([known, , uid]) =>
    isNumber(name) ? uid === name : known === name,
  );
  const group =
    groupName === undefined ? undefined : lines('/etc/group').find(([known]) => known === groupName);
  const uid = isNumber(name) ? name : account?.[2];
  const gid = groupName === undefined ? (account?.[3] ?? uid) : isNumber(groupName) ? groupName : group?.[2];
  if (uid === undefined || gid === undefined || !isNumber(uid) || !isNumber(gid)) {
    notes.push(`its user ${quote(user)} has no id in the image: a launch names another one`);
    return {};
  }
  if (Number(uid) === 0) return {};
  const named = account?.[0];
  return { user: `${uid}:${gid}`, ...(named !== undefined && named !== '' && { userName: named }) };
}

// As a runtime looks it up: in the image's own PATH, unless it has a slash.
function findProgram(
  word: string,
  { env, workingDir = '/' }: ImageConfig,
  root: FileRoot,
  notes: string[],
): BytePath | undefined {
  const named = bytePath(word);
  const path =
    env.find((one) => one.startsWith('PATH='))?.slice(5) ??
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const places = named.includes('/')
    ? [withoutDots(joinPath(joinPath('/' as BytePath, bytePath(workingDir)), named))]
    : path
        .split(':')
        .filter((one) => one.startsWith('/'))
        .map((one) => withoutDots(joinPath(bytePath(one), named)));
  const found = places.find((place) => isExecutable(walk(root, place)));
  if (found === undefined)
    notes.push(`its program ${quote(word)} is not in the image: a launch names another one`);
  return found;
}
