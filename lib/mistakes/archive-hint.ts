// Hints for an archive or an image that was named in place of a directory.
import { commandLine } from '../words/shell-word.ts';

/** The remedy for a path that is no directory, if it looks like an archive or an image of a file system. */
export function unpackHint(path: string): string | undefined {
  const [, directory] = /^(.+?)\.(?:tar(?:\.\w+)?|t[gxb]z\d?)$/.exec(path) ?? [];
  if (directory !== undefined)
    return `unpack it first: ${commandLine('mkdir', directory)} && ${commandLine('tar', '-xf', path, '-C', directory)}`;
  return /\.(?:img|iso|qcow2|sqsh|squashfs|zip)$/.test(path)
    ? 'unpack it, or mount it, and name the directory'
    : undefined;
}

/** The remedy for a path that does not exist, if it looks like the name of a container image. */
export function imageHint(path: string): string | undefined {
  return /(?:^|\/)[\w.+-]+:[\w.+-]+$/.test(path)
    ? 'it takes a directory, and no image: docker export CONTAINER | tar -x -C DIRECTORY makes one'
    : undefined;
}
