// The files of an image beside its layer: what `docker load` reads, and what readers of the OCI image layout 1.1 read. Pure.
import { createHash } from 'node:crypto';

import type { BytePath } from '../../tree/path.ts';
import { toText } from '../manifest/path-text.ts';

export interface Layer {
  /** SHA-256 of the archive, in hexadecimal. */
  readonly diffId: string;
  /** SHA-256 and size of the compressed archive. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What a container of the image begins with. */
export interface ImageConfiguration {
  /** In the words of Go: amd64, arm64. */
  readonly architecture: string;
  /** In seconds since 1970. */
  readonly createdS: number;
  readonly program: BytePath | undefined;
  /** UID:GID; undefined for root. */
  readonly user: string | undefined;
  /** NAME:TAG. */
  readonly tag: string | undefined;
}

export interface ImageFile {
  readonly name: string;
  readonly content: Buffer;
}

const ofOci = 'application/vnd.oci.image';
const layout = { imageLayoutVersion: '1.0.0' };
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

export const blobName = (sha256: string): string => `blobs/sha256/${sha256}`;

function blob(value: object): ImageFile & { readonly digest: string } {
  const content = json(value);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name: blobName(sha256), content, digest: `sha256:${sha256}` };
}

/** The same layers and configuration give the same bytes. */
export function imageFiles(layers: readonly Layer[], made: ImageConfiguration): readonly ImageFile[] {
  const { architecture, program, user, tag } = made;
  const created = new Date(made.createdS * 1000).toISOString().replace('.000Z', 'Z');
  const config = blob({
    created,
    architecture,
    os: 'linux',
    config: {
      ...(user !== undefined && { User: user }),
      Env: [path],
      ...(program !== undefined && { Entrypoint: [toText(program)] }),
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
    history: layers.map(() => ({ created, created_by: 'uchroot-jail export' })),
  });
  const manifest = blob({
    schemaVersion: 2,
    mediaType: `${ofOci}.manifest.v1+json`,
    config: { mediaType: `${ofOci}.config.v1+json`, digest: config.digest, size: config.content.length },
    layers: layers.map(({ sha256, sizeBytes: size }) => {
      return { mediaType: `${ofOci}.layer.v1.tar+gzip`, digest: `sha256:${sha256}`, size };
    }),
  });
  const index = {
    schemaVersion: 2,
    mediaType: `${ofOci}.index.v1+json`,
    manifests: [
      {
        mediaType: `${ofOci}.manifest.v1+json`,
        digest: manifest.digest,
        size: manifest.content.length,
        platform: { architecture, os: 'linux' },
        ...(tag !== undefined && {
          annotations: {
            'io.containerd.image.name': tag,
            'org.opencontainers.image.ref.name': tag.replace(/^.*:/, ''),
          },
        }),
      },
    ],
  };
  const loaded = [
    {
      Config: config.name,
      RepoTags: tag === undefined ? null : [tag],
      Layers: layers.map(({ sha256 }) => blobName(sha256)),
    },
  ];
  return [
    config,
    manifest,
    { name: 'oci-layout', content: json(layout) },
    { name: 'index.json', content: json(index) },
    { name: 'manifest.json', content: json(loaded) },
  ];
}
