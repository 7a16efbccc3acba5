// The version of the package.
import { existsSync, readFileSync } from 'node:fs';

/** Read from package.json. Its relative path is the same from this file and from a bundle of a command. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8'));
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return known ? String(manifest.version) : 'unknown';
}

/** The line of `--version`. A package names the commit that it was made of; scripts/prebuild writes the file. */
export function versionLine(command: string): string {
  const path = `${import.meta.dirname}/../commit`;
  const commit = existsSync(path) ? ` (commit ${readFileSync(path, 'latin1').trim()})` : '';
  return `${command} ${readVersion()}${commit}\n`;
}
