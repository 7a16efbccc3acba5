// The version of the package, for --version.
import { readFileSync } from 'node:fs';

/** Read from package.json only when it is asked for: a launch has no need of it. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8'));
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return known ? String(manifest.version) : 'unknown';
}
