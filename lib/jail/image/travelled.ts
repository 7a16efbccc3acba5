// The manifest that `uchroot-jail export` puts into an image. Anybody can have written it.
import { type BytePath, bytePath } from '../../tree/path.ts';
import { type Manifest, parseManifest } from '../manifest/manifest.ts';
import { BadImage } from './bad-image.ts';

export const TRAVELLED: BytePath = bytePath('/.uchroot/manifest.json');

// Lists within lists take forty times the memory of their text, and a line is parsed at once.
const MOST_LINE_BYTES = 4 << 20;

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
