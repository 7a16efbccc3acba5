// A jail that was built before, by its directory on the host.

import { type BytePath, pathBytes, showPath } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, openFileRoot } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { MANIFEST_PATH } from '../manifest/manifest.ts';

/** Opens it; the caller closes it. @throws JailError ENOENT, ENOTDIR, ERR_NO_MANIFEST */
export function openBuilt(directory: BytePath): DirectoryRoot {
  const jail = openDirectory(directory);
  if (jail.lstat(MANIFEST_PATH) !== undefined) return jail;
  jail.close();
  throw new JailError(`${showPath(directory)} has no manifest: uchroot-jail has not built it`, {
    code: 'ERR_NO_MANIFEST',
    path: showPath(directory),
    hint: 'uchroot-jail build adds to a directory, and writes its manifest',
  });
}

function openDirectory(directory: BytePath): DirectoryRoot {
  try {
    return openFileRoot(pathBytes(directory));
  } catch (error) {
    const code = errorCode(error) ?? 'EIO';
    const words: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such directory',
      ENOTDIR: 'it is not a directory',
      ELOOP: 'the symbolic links on the way lead in a circle',
      EACCES: 'it may not be searched',
    };
    throw new JailError(`${showPath(directory)}: ${words[code] ?? code}`, {
      code,
      path: showPath(directory),
    });
  }
}
