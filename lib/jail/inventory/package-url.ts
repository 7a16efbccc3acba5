// Package URLs (purl-spec): the names by which databases of vulnerabilities know a package. Pure.

import type { System } from '../manifest/origin.ts';
import type { Part } from './inventory.ts';

// purl-spec, "Character encoding": a colon stays.
const encoded = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');

/** The URL of a package. Scanners find the advisories of a Debian package by the qualifiers `distro` and `upstream`, its source. */
export function packageUrl({ type, name, version, origin }: Part, system: System | undefined): string {
  switch (type) {
    case 'deb':
    case 'apk': {
      const qualifiers = {
        arch: origin?.architecture,
        distro: system?.versionId === undefined ? undefined : `${system.id}-${system.versionId}`,
        upstream: origin && upstreamOf(origin, { name, version }),
      };
      const given = Object.entries(qualifiers).flatMap(([key, value]) =>
        value === undefined ? [] : `${key}=${encoded(value)}`,
      );
      const more = given.length === 0 ? '' : `?${given.join('&')}`;
      return `pkg:${type}/${system?.id ?? (type === 'deb' ? 'debian' : 'alpine')}/${encoded(name)}@${encoded(version)}${more}`;
    }
    case 'pypi':
      return `pkg:pypi/${name.toLowerCase().replaceAll('_', '-')}@${encoded(version)}`;
    case 'npm':
      return `pkg:npm/${name.toLowerCase().split('/').map(encoded).join('/')}@${encoded(version)}`;
    case 'gem':
      return `pkg:gem/${encoded(name)}@${encoded(version)}`;
    default:
      return type satisfies never;
  }
}

// Nothing if both are the same.
function upstreamOf(
  { source, version }: NonNullable<Part['origin']>,
  binary: { readonly name: string; readonly version: string },
): string | undefined {
  if (version !== binary.version) return `${source}@${version}`;
  return source === binary.name ? undefined : source;
}
