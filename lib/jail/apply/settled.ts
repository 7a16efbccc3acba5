// Keeps a finished jail from being updated while it is read as a whole.
import { closeSync } from 'node:fs';

import { showPath } from '../../tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import { caller } from '../../trust/owner.ts';
import type { JailDirectory } from '../host/jail-directory.ts';
import { lockStore } from '../host/jail-place.ts';
import { notBuilt } from '../host/source-host.ts';
import { type Manifest, MANIFEST_PATH, readManifestGradually } from '../manifest/manifest.ts';
import { closing } from '../work/closing.ts';
import { unsettledPaths } from './commit.ts';

/**
 * Calls `use` under a shared lock: an update would change files meanwhile, and another reader would not.
 * @throws JailError ERR_NO_MANIFEST; EBUSY while the jail is updated; ERR_MANIFEST after an update that was interrupted
 */
export async function withSettled<T>(
  directory: JailDirectory,
  use: (jail: DirectoryRoot, manifest: Manifest) => Promise<T>,
): Promise<T> {
  const root = openFileRoot(directory.fd, caller());
  const without = () => notBuilt(root, directory.path);
  if (root.lstat(MANIFEST_PATH) === undefined) throw without();
  // before it is read: an update would write another one
  const lock = lockStore(directory, true);
  return closing({ close: () => closeSync(lock) }, async () => {
    const manifest = await readManifestGradually(root);
    if (manifest === undefined) throw without();
    if (unsettledPaths(root) !== undefined)
      throw new JailError(`an update of ${showPath(directory.path)} was interrupted and is not complete`, {
        code: 'ERR_MANIFEST',
        hint: `${commandLine('uchroot-jail', 'update', directory.path)}   # completes it`,
      });
    return use(root, manifest);
  });
}
