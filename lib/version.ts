// The version of the package.
import { readFileSync } from 'node:fs';

/** Read from package.json, which is as far from this file as from a bundle of a command. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8'));
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return known ? String(manifest.version) : 'unknown';
}
