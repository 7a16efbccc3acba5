// A bill of materials as SPDX 2.3 (spdx.github.io/spdx-spec/v2.3). Pure.

import { createHash } from 'node:crypto';

import { showReason } from '../manifest/planned-entry.ts';
import { type Contained, type Contents, needsOf, type Part, plainText } from './inventory.ts';
import { packageUrl } from './package-url.ts';
import { type Made, urnOf } from './made.ts';

const JAIL = 'SPDXRef-Jail';

interface Numbered {
  readonly idOf: (file: Contained) => string;
  readonly files: readonly Contained[];
}

/** @param contents its files have SHA-1, which SPDX demands (8.4) */
export function spdxDocument(contents: Contents, { created, version }: Made): object {
  const files = contents.entries.filter(({ kind }) => kind === 'file');
  const ids = new Map(files.map((file, index) => [file.path, `SPDXRef-File-${index + 1}`]));
  const numbered = { files, idOf: ({ path }: Contained) => ids.get(path) ?? JAIL };
  const documented = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: contents.name,
    creationInfo: { created, creators: [`Tool: uchroot-${version}`] },
    packages: [
      {
        SPDXID: JAIL,
        name: contents.name,
        downloadLocation: 'NOASSERTION',
        primaryPackagePurpose: 'CONTAINER',
        ...analyzed(files),
      },
      ...contents.parts.map((part, index) => ({
        SPDXID: partId(index),
        name: part.name,
        versionInfo: part.version,
        downloadLocation: 'NOASSERTION',
        ...(part.origin && {
          sourceInfo: `built from source package ${part.origin.source} ${part.origin.version}`,
        }),
        ...analyzed(filesOf(part, files)),
        externalRefs: [
          {
            referenceCategory: 'PACKAGE-MANAGER',
            referenceType: 'purl',
            referenceLocator: packageUrl(part, contents.system),
          },
        ],
      })),
    ],
    files: files.map((file) => ({
      SPDXID: numbered.idOf(file),
      fileName: `.${plainText(file.path)}`,
      checksums: [
        { algorithm: 'SHA1', checksumValue: file.sha1 ?? '' },
        { algorithm: 'SHA256', checksumValue: file.sha256 ?? '' },
      ],
      comment: file.isChanged ? 'It is not as it was built.' : undefined,
    })),
    relationships: [...relationships(contents, numbered)],
  };
  return { ...documented, documentNamespace: urnOf(documented) };
}

const partId = (index: number): string => `SPDXRef-Package-${index + 1}`;

function filesOf({ type, name }: Part, files: readonly Contained[]): readonly Contained[] {
  return type === 'deb' ? files.filter((file) => file.package === name) : [];
}

// A package without files must say so (7.8).
function analyzed(files: readonly Contained[]): object {
  if (files.length === 0) return { filesAnalyzed: false };
  // 7.9
  const all = files.map(({ sha1 }) => sha1 ?? '').toSorted();
  const code = createHash('sha1').update(all.join('')).digest('hex');
  return { filesAnalyzed: true, packageVerificationCode: { packageVerificationCodeValue: code } };
}

const relation = (from: string, type: string, to: string, comment?: string): object => ({
  spdxElementId: from,
  relationshipType: type,
  relatedSpdxElement: to,
  ...(comment !== undefined && { comment }),
});

function* relationships(contents: Contents, { files, idOf }: Numbered): Generator<object, void> {
  yield relation('SPDXRef-DOCUMENT', 'DESCRIBES', JAIL);
  const packages = new Map<string, string>();
  const byPath = new Map(files.map((file) => [file.path, file]));
  for (const [index, { type, name, metadata }] of contents.parts.entries()) {
    const id = partId(index);
    yield relation(JAIL, 'CONTAINS', id);
    if (type === 'deb') packages.set(name, id);
    const file = metadata && byPath.get(metadata);
    if (file !== undefined) yield relation(idOf(file), 'METAFILE_OF', id);
  }
  for (const file of files) yield relation(packages.get(file.package ?? '') ?? JAIL, 'CONTAINS', idOf(file));
  for (const { file, reason, by } of needsOf(contents)) {
    const type = reason.how === 'library' || reason.how === 'loader' ? 'DYNAMIC_LINK' : 'DEPENDS_ON';
    yield relation(
      by === undefined ? JAIL : idOf(by),
      by === undefined ? 'DEPENDS_ON' : type,
      idOf(file),
      showReason(reason),
    );
  }
}
