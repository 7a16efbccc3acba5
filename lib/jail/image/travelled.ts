// The manifest that `uchroot-jail export` puts into an image. Anybody can have written it.
import { type BytePath, bytePath, joinPath, waysTo } from '../../tree/path.ts';
import { type Manifest, parseManifest } from '../manifest/manifest.ts';
import { BadImage } from './bad-image.ts';

export const TRAVELLED: BytePath = bytePath('/.uchroot/manifest.json');
const OS_RELEASE: BytePath = bytePath('/etc/os-release');
const STATUSES: BytePath = bytePath('/var/lib/dpkg/status.d');

// Lists within lists take forty times the memory of their text, and a line is parsed at once.
const MOST_LINE_BYTES = 4 << 20;

/**
 * Whether `export` has added a path that the jail did not have: what scanners of images look for, and directories for it. The manifest of
 * a jail that was made of such an image says so; but it hides no other file from a bill of materials.
 */
export function addedByExport(manifest: Manifest | undefined): (path: BytePath) => boolean {
  if (manifest === undefined) return () => false;
  const names = Object.keys(manifest.packages);
  const files = [TRAVELLED, OS_RELEASE, ...names.map((name) => joinPath(STATUSES, bytePath(name)))];
  const all = new Set(files.flatMap(waysTo));
  for (const { path, reason } of manifest.entries) if (reason.how !== 'exported') all.delete(path);
  return (path) => all.has(path);
}

/** @throws BadImage if it is not as export writes it; JailError ERR_MANIFEST */
export function parseTravelled(data: Uint8Array): Manifest {
  for (let at = 0; at < data.length;) {
    const end = data.indexOf(0x0a, at);
    const next = end < 0 ? data.length : end + 1;
    if (data[0] !== 0x7b || next - at > MOST_LINE_BYTES)
      throw new BadImage(`${TRAVELLED} is not the manifest of an exported jail`);
    at = next;
  }
  return parseManifest(data);
}
