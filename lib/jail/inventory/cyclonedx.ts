// A bill of materials as CycloneDX 1.6 (cyclonedx.org/docs/1.6). Pure.

import type { BytePath } from '../../tree/path.ts';
import { remember } from '../../values/remember.ts';
import { showReason } from '../manifest/planned-entry.ts';
import { type Contained, type Contents, needsOf, type Part, plainText } from './inventory.ts';
import { type Made, urnOf } from './made.ts';
import { packageUrl } from './package-url.ts';

const JAIL = 'jail';

const fileRef = ({ path }: Contained): string => `file:${plainText(path)}`;

export function cycloneDxDocument(contents: Contents, { created, version }: Made): object {
  const { entries, parts, system, name } = contents;
  const files = entries.filter(({ kind }) => kind === 'file');
  const needs = needsOf(contents);
  const reasons = new Map(needs.map(({ file, reason }) => [file.path, showReason(reason)]));
  const inPackages = new Map<string, object[]>();
  const debian = new Set(parts.filter(({ type }) => type === 'deb').map((part) => part.name));
  const alone: object[] = [];
  for (const file of files) {
    const owner = file.package;
    const list =
      owner !== undefined && debian.has(owner) ? remember(inPackages, owner, (): object[] => []) : alone;
    list.push(fileComponent(file, reasons));
  }
  const documented = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: created,
      tools: { components: [{ type: 'application', name: 'uchroot', version }] },
      component: { type: 'container', 'bom-ref': JAIL, name },
    },
    components: [
      ...(system === undefined
        ? []
        : [{ type: 'operating-system', name: system.id, version: system.versionId ?? system.codename }]),
      ...parts.map((part, index) =>
        partComponent(part, { contents, index, files: inPackages.get(part.name) }),
      ),
      ...alone,
    ],
    dependencies: dependenciesOf(needs),
  };
  return { ...documented, serialNumber: urnOf(documented) };
}

const property = (name: string, value: string) => ({ name: `uchroot:${name}`, value });

function partComponent(
  part: Part,
  {
    contents,
    index,
    files = [],
  }: { contents: Contents; index: number; files: readonly object[] | undefined },
): object {
  const { type, name, version, origin, metadata } = part;
  const [, group, plain = name] = /^(@[^/]+)\/(.*)$/.exec(name) ?? [];
  return {
    type: 'library',
    // The same package can lie in several directories.
    'bom-ref': `package-${index + 1}`,
    ...(group !== undefined && { group }),
    name: plain,
    version,
    purl: packageUrl(part, contents.system),
    properties: [
      ...(origin === undefined ? [] : [property('source', `${origin.source} ${origin.version}`)]),
      ...(metadata === undefined ? [] : [property('metadata', plainText(metadata))]),
    ],
    ...(type === 'deb' && files.length > 0 && { components: files }),
  };
}

function fileComponent(file: Contained, reasons: ReadonlyMap<BytePath, string>): object {
  const because = reasons.get(file.path);
  return {
    type: 'file',
    'bom-ref': fileRef(file),
    name: plainText(file.path),
    hashes: [{ alg: 'SHA-256', content: file.sha256 ?? '' }],
    properties: [
      ...(because === undefined ? [] : [property('because', because)]),
      ...(file.isChanged === true ? [property('changed', 'true')] : []),
    ],
  };
}

function dependenciesOf(needs: ReturnType<typeof needsOf>): readonly object[] {
  const needed = new Map<string, string[]>();
  for (const { file, by } of needs)
    remember(needed, by === undefined ? JAIL : fileRef(by), (): string[] => []).push(fileRef(file));
  return Array.from(needed, ([ref, dependsOn]) => ({ ref, dependsOn }));
}
