// When and by whom a bill of materials was made, and the name that it has in the world. Pure.

import { createHash } from 'node:crypto';

export interface Made {
  /** YYYY-MM-DDThh:mm:ssZ. */
  readonly created: string;
  /** The version of uchroot. */
  readonly version: string;
}

/** A URN that is the same for the same document (RFC 9562, version 8). */
export function urnOf(document: object): string {
  const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  const variant = '89ab'[Number.parseInt(hash.slice(16, 17), 16) % 4] ?? '8';
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, variant + hash.slice(17, 20)];
  return `urn:uuid:${parts.join('-')}-${hash.slice(20, 32)}`;
}
