// The version of the package, for --version.
import { readFileSync } from 'node:fs';

function read(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

/** Read only when it is asked for: a launch has no need of it. */
export const version = { toString: read };
