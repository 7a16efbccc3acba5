// What the JSON documents of an image say: which manifest is meant, its configuration and its layers (image-spec 1.1; `docker save`). Pure but for
// the blobs that it asks for.
import { createHash } from 'node:crypto';

import { quote } from '../../words/quote.ts';
import { asInteger, asList, asObject, asText, type Json } from '../manifest/fields.ts';
import { BadImage } from './bad-image.ts';

/** What a container of the image begins with. */
export interface ImageConfig {
  /** As in the image: a name or an id, perhaps with a group behind a colon. */
  readonly user: string | undefined;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** In the words of Go: amd64, arm64. */
  readonly architecture: string;
}

export interface ImageLayer {
  /** The file of the layer in the layout or the archive. */
  readonly name: string;
  /** `sha256:…` of that file; undefined in an archive of `docker save`. */
  readonly digest: string | undefined;
  /** The same of the layer when it is not compressed. Undefined for a tar archive that is no image. */
  readonly diffId: string | undefined;
  readonly sizeBytes: number | undefined;
}

export interface ImageDocuments {
  /** Of the manifest; of the configuration in an archive of `docker save`. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly layers: readonly ImageLayer[];
}

/** Reads a small file of the image; undefined if there is none. @throws BadImage if it is larger */
export type ReadDocument = (name: string, mostBytes: number) => Uint8Array | undefined;

const MOST_BYTES = 4 << 20;
const MOST_LAYERS = 500;
const MOST_INDEXES = 16;

/** The image of a layout or of an archive of `docker save`; undefined if it is neither. @throws BadImage */
export function readDocuments(
  read: ReadDocument,
  tag: string | undefined,
  architecture: string,
): ImageDocuments | undefined {
  const index = read('index.json', MOST_BYTES);
  if (index !== undefined) return within('index.json', () => ofLayout(read, parse(index), tag, architecture));
  const saved = read('manifest.json', MOST_BYTES);
  return saved && within('manifest.json', () => ofDocker(read, parse(saved), tag));
}

// The words of a TypeError are those of lib/jail/manifest/fields.ts.
function within<T>(name: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    // The words of a SyntaxError quote the text.
    if (error instanceof SyntaxError) throw new BadImage(`${quote(name)}: ${quote(error.message)}`);
    if (!(error instanceof TypeError)) throw error;
    throw new BadImage(`${quote(name)}: ${error.message}`);
  }
}

const parse = (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString());

const blobOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

function asDigest(value: unknown): string {
  const digest = asText(value, 'digest');
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new TypeError(`the digest ${quote(digest)} is not sha256:…`);
  return digest;
}

const digestOf = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

interface Descriptor {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly json: Json;
}

function asDescriptor(value: unknown, key: string): Descriptor {
  const json = asObject(value, key);
  return {
    digest: asDigest(json['digest']),
    sizeBytes: asInteger(json['size'], 'size', Number.MAX_SAFE_INTEGER),
    mediaType: asText(json['mediaType'], 'mediaType'),
    json,
  };
}

function readBlob(read: ReadDocument, { digest, sizeBytes }: Descriptor): unknown {
  const name = blobOf(digest);
  const data = read(name, MOST_BYTES);
  if (data === undefined)
    throw new BadImage(`it lacks ${name}`, 'copy the image again: a part of it is missing');
  if (data.length !== sizeBytes || digestOf(data) !== digest)
    throw new BadImage(`${name} has not the content of its digest`);
  return within(name, () => parse(data));
}

const isIndex = (type: string): boolean => /(?:image\.index|manifest\.list)\./.test(type);
const isManifest = (type: string): boolean => /(?:image|distribution)\.manifest\./.test(type);

function ofLayout(
  read: ReadDocument,
  index: unknown,
  tag: string | undefined,
  architecture: string,
): ImageDocuments {
  const tops = manifestsOf(index);
  const named = tag === undefined ? tops : tops.filter(({ json }) => tagsOf(json).includes(tag));
  if (named.length === 0)
    throw noTag(
      tag,
      tops.flatMap(({ json }) => tagsOf(json)),
    );
  const seen = { count: 0 };
  const all = named.flatMap((one) => leavesOf(read, one, seen));
  const here = all.filter(({ json }) => isFor(json, architecture));
  const chosen = new Map((here.length > 0 ? here : all).map((one) => [one.digest, one]));
  const [one] = chosen.values();
  if (one === undefined) throw new BadImage('it has no manifest of an image');
  if (chosen.size > 1)
    throw new BadImage(`it has ${chosen.size} images`, tagHint(tops.flatMap(({ json }) => tagsOf(json))));
  return ofManifest(read, one);
}

const manifestsOf = (index: unknown): readonly Descriptor[] =>
  asList(asObject(index)['manifests'], 'manifests').map((one) => asDescriptor(one, 'manifests'));

// An index may name another one. Each has its own hash, so there is no circle; but there can be many.
function leavesOf(read: ReadDocument, one: Descriptor, seen: { count: number }): readonly Descriptor[] {
  if (isManifest(one.mediaType)) return one.json['artifactType'] === undefined ? [one] : [];
  if (!isIndex(one.mediaType)) return [];
  if (++seen.count > MOST_INDEXES) throw new BadImage('its indexes name too many others');
  return manifestsOf(readBlob(read, one)).flatMap((inner) => leavesOf(read, inner, seen));
}

function platformOf(json: Json): Json {
  return typeof json['platform'] === 'object' && json['platform'] !== null ? (json['platform'] as Json) : {};
}

// Statements about the build of an image stand beside it, for a platform that is unknown.
function isFor(json: Json, architecture: string): boolean {
  const { os = 'linux', architecture: theirs = architecture } = platformOf(json);
  return os === 'linux' && theirs === architecture;
}

function tagsOf(json: Json): readonly string[] {
  const annotations = json['annotations'] === undefined ? {} : asObject(json['annotations'], 'annotations');
  const names = ['org.opencontainers.image.ref.name', 'io.containerd.image.name'].map(
    (key) => annotations[key],
  );
  return names.flatMap((name) => (typeof name === 'string' ? [name, lastPart(name)] : []));
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf(':') + 1);

const tagHint = (tags: readonly string[]): string =>
  `name one of them behind a colon: ${[...new Set(tags)].slice(0, 8).map(quote).join(', ')}`;

function noTag(tag: string | undefined, tags: readonly string[]): BadImage {
  if (tag === undefined || tags.length === 0)
    return new BadImage(tag === undefined ? 'it has no image' : 'its images have no tags');
  return new BadImage(`it has no image ${quote(tag)}`, tagHint(tags));
}

function ofManifest(read: ReadDocument, descriptor: Descriptor): ImageDocuments {
  return within(blobOf(descriptor.digest), () => {
    const json = asObject(readBlob(read, descriptor));
    const described = asDescriptor(json['config'], 'config');
    if (!/(?:image\.config|container\.image)\./.test(described.mediaType))
      throw new BadImage(`it is no image: its configuration is ${quote(described.mediaType)}`);
    const { config, diffIds } = toConfig(readBlob(read, described));
    const layers = asList(json['layers'], 'layers').map((one) => asDescriptor(one, 'layers'));
    return {
      digest: descriptor.digest,
      config,
      layers: withDiffIds(layers.map(toLayer), diffIds),
    };
  });
}

// Those of other places (`foreign`, `nondistributable`) are often missing; then they are not fetched.
function toLayer({ digest, sizeBytes, mediaType }: Descriptor): Omit<ImageLayer, 'diffId'> {
  if (
    !/^application\/vnd\.(?:oci\.image\.layer\.|docker\.image\.rootfs\.).*tar(?:[.+](?:gzip|zstd))?$/.test(
      mediaType,
    )
  )
    throw new BadImage(`a layer is ${quote(mediaType)}, which is no tar archive`);
  return { name: blobOf(digest), digest, sizeBytes };
}

function withDiffIds(
  layers: readonly Omit<ImageLayer, 'diffId'>[],
  diffIds: readonly string[],
): readonly ImageLayer[] {
  if (layers.length !== diffIds.length)
    throw new BadImage(`it has ${layers.length} layers, and ${diffIds.length} hashes of them`);
  if (layers.length > MOST_LAYERS) throw new BadImage(`it has more than ${MOST_LAYERS} layers`);
  return layers.map((layer, at) => ({ ...layer, diffId: diffIds[at] }));
}

const repoTags = (image: Json): readonly string[] =>
  asList(image['RepoTags'] ?? [], 'RepoTags').flatMap((name) => {
    const tag = asText(name, 'RepoTags');
    return [tag, lastPart(tag)];
  });

function ofDocker(read: ReadDocument, saved: unknown, tag: string | undefined): ImageDocuments {
  const images = asList(saved, '').map((one) => asObject(one));
  const named = tag === undefined ? images : images.filter((one) => repoTags(one).includes(tag));
  const [image] = named;
  if (image === undefined) throw noTag(tag, images.flatMap(repoTags));
  if (named.length > 1)
    throw new BadImage(`it has ${named.length} images`, tagHint(images.flatMap(repoTags)));
  const name = asText(image['Config'], 'Config');
  const data = read(name, MOST_BYTES);
  if (data === undefined) throw new BadImage(`it lacks ${quote(name)}`);
  const digest = digestOf(data);
  const [said] = /[0-9a-f]{64}/.exec(name) ?? [];
  if (said !== undefined && digest !== `sha256:${said}`)
    throw new BadImage(`${quote(name)} has not the content of its digest`);
  const { config, diffIds } = within(name, () => toConfig(parse(data)));
  const layers = asList(image['Layers'], 'Layers').map((one) => ({
    name: asText(one, 'Layers'),
    digest: undefined,
    sizeBytes: undefined,
  }));
  return { digest, config, layers: withDiffIds(layers, diffIds) };
}

// An argument may be empty.
const asWord = (value: unknown, key: string): string => (value === '' ? '' : asText(value, key));

function toConfig(value: unknown): { readonly config: ImageConfig; readonly diffIds: readonly string[] } {
  const json = asObject(value);
  const own = asObject(json['config'] ?? {}, 'config');
  const texts = (key: string) => asList(own[key] ?? [], key).map((one) => asWord(one, key));
  const maybe = (key: string) =>
    own[key] === undefined || own[key] === '' ? undefined : asText(own[key], key);
  const labels = Object.entries(asObject(own['Labels'] ?? {}, 'Labels'));
  const rootfs = asObject(json['rootfs'], 'rootfs');
  if (json['os'] !== 'linux') throw new BadImage('it is not for Linux');
  return {
    config: {
      user: maybe('User'),
      env: texts('Env'),
      entrypoint: texts('Entrypoint'),
      cmd: texts('Cmd'),
      workingDir: maybe('WorkingDir'),
      labels: Object.fromEntries(
        labels.filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
      ),
      architecture: asText(json['architecture'], 'architecture'),
    },
    diffIds: asList(rootfs['diff_ids'], 'diff_ids').map(asDigest),
  };
}
