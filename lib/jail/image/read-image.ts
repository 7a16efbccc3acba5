// Reads an image, and verifies the hashes in it: what it starts, and what it holds.
import { createHash, type Hash } from 'node:crypto';

import type { BytePath } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { throwIfAborted } from '../work/jail-error.ts';
import { withImageErrors, BadImage } from './bad-image.ts';
import { type ImageConfig, type ImageLayer, readDocuments } from './image-documents.ts';
import { type ImageContent, type ImagePath, ImageTree } from './image-merge.ts';
import { type Blob, type ImageSource, openImage, readAll } from './image-source.ts';
import { piecesOf, readLayer } from './layer-stream.ts';
import type { TarEvents } from './tar-reader.ts';

export interface ReadImage {
  /** Undefined for the archive of a root directory. */
  readonly config: ImageConfig | undefined;
  /** Of the manifest, as `sha256:…`; for `docker save` of the configuration; for the archive of a root directory of its content. */
  readonly digest: string;
  readonly layers: readonly Pick<ImageLayer, 'digest' | 'diffId' | 'sizeBytes'>[];
  /** By path, bytewise: a directory comes before its content. */
  readonly entries: readonly ImagePath[];
}

/** Takes the content of a file in pieces, which are valid during the call. */
interface ContentSink {
  write(piece: Uint8Array): void;
  end(): void;
}

export interface ReadImageOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each file of each layer, before its content; undefined if that is not wanted. A later layer may replace the file, and the hashes are verified
   * when all was read: use nothing of it before readImage has returned.
   */
  readonly sinkFor?: (content: ImageContent, name: BytePath) => ContentSink | undefined;
  /** What unpacks the layers; by default this process itself. */
  readonly read?: typeof readLayer;
  /** The sum of all files may not be more. */
  readonly mostBytes?: number;
  /** Entries of all layers; half a million by default, each of which takes a kilobyte of memory. */
  readonly mostEntries?: number;
}

// Debian and Go name both machines alike.
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
};
const architecture = architectures[process.arch] ?? process.arch;

const MOST_BYTES = 2 ** 40;

/**
 * Reads PATH[:TAG]: an OCI image layout (a directory or a tar archive), an archive of `docker save`, or an archive of a root directory. Of images for several
 * machines, the one for this machine is read. Nothing is written.
 * @throws UsageError if nothing is there; JailError ERR_IMAGE if it is damaged or holds something that is refused; system errors; AbortError
 */
export async function readImage(named: BytePath, options: ReadImageOptions = {}): Promise<ReadImage> {
  return withImageErrors(named, async () => {
    const source = openImage(named);
    try {
      return await read(source, options);
    } finally {
      source.close();
    }
  });
}

async function read(source: ImageSource, options: ReadImageOptions): Promise<ReadImage> {
  const { tree: archive } = source;
  const reading = new Reading(options);
  if (archive !== undefined) {
    const digest = await reading.layer(archive);
    const layers = [{ digest, diffId: undefined, sizeBytes: archive.sizeBytes }];
    return { config: undefined, digest, layers, entries: reading.entries() };
  }
  const documents = readDocuments((name, most) => readSmall(source, name, most), source.tag, architecture);
  if (documents === undefined)
    throw new BadImage(
      'it is neither an image layout nor an archive',
      'a root directory is copied with --from DIRECTORY --copy PATH',
    );
  for (const layer of documents.layers) {
    const blob = source.find(layer.name);
    if (blob === undefined)
      throw new BadImage(
        `it lacks the layer ${quote(layer.name)}`,
        'copy the image again with all of its layers: nothing is fetched',
      );
    if (layer.sizeBytes !== undefined && layer.sizeBytes !== blob.sizeBytes)
      throw new BadImage(
        `the layer ${quote(layer.name)} has ${blob.sizeBytes} bytes, not ${layer.sizeBytes}`,
      );
    await reading.layer(blob, layer);
  }
  const { config, digest, layers } = documents;
  return { config, digest, layers, entries: reading.entries() };
}

function readSmall(source: ImageSource, name: string, mostBytes: number): Uint8Array | undefined {
  const blob = source.find(name);
  if (blob === undefined) return undefined;
  if (blob.sizeBytes > mostBytes) throw new BadImage(`${quote(name)} is larger than ${mostBytes >> 20} MB`);
  return readAll(blob);
}

class Reading {
  readonly tree: ImageTree;
  readonly #options: ReadImageOptions;
  readonly #mostBytes: number;
  #leftBytes: number;

  constructor(options: ReadImageOptions) {
    this.#options = options;
    this.tree = new ImageTree(options.mostEntries);
    this.#mostBytes = options.mostBytes ?? MOST_BYTES;
    this.#leftBytes = this.#mostBytes;
  }

  /** Returns the digest of the layer's file. Without `layer` it is the archive of a root directory. */
  async layer(blob: Blob, layer?: ImageLayer): Promise<string> {
    this.tree.beginLayer(layer !== undefined);
    const { digest, diffId } = layer ?? {};
    const { signal, read = readLayer } = this.#options;
    const hash = createHash('sha256');
    const pieces = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const piece of piecesOf(blob)) {
        throwIfAborted(signal);
        hash.update(piece);
        yield piece;
      }
    };
    await read({ pieces: pieces(), sizeBytes: blob.sizeBytes, diffId }, this.#events());
    const found = `sha256:${hash.digest('hex')}`;
    if (digest !== undefined && digest !== found)
      throw new BadImage(`the content of a layer is not that of ${digest}`);
    return found;
  }

  /** Hard links become files of their own, so the content counts for each. @throws BadImage */
  entries(): readonly ImagePath[] {
    const entries = this.tree.entries();
    const sizeBytes = entries.reduce((sum, { content }) => sum + (content?.sizeBytes ?? 0), 0);
    if (sizeBytes > this.#mostBytes) throw this.#tooLarge();
    return entries;
  }

  #tooLarge(): BadImage {
    const room = 'make room: the files of an image take 90 % of the free disk at most';
    const isOfDisk = this.#options.mostBytes !== undefined;
    return new BadImage(`its files are larger than ${this.#mostBytes} bytes`, isOfDisk ? room : undefined);
  }

  #events(): TarEvents {
    let waitingBytes = 0;
    let content: ImageContent | undefined;
    let hash: Hash | undefined;
    let sink: ContentSink | undefined;
    return {
      entry: (entry) => {
        content = this.tree.add(entry);
        this.#leftBytes -= entry.sizeBytes;
        if (this.#leftBytes < 0) throw this.#tooLarge();
        waitingBytes = entry.sizeBytes;
        if (content === undefined) return;
        hash = createHash('sha256');
        sink = this.#options.sinkFor?.(content, entry.name);
      },
      data: (piece) => {
        waitingBytes -= piece.length;
        if (waitingBytes < 0) throw new BadImage('a file is larger than its size');
        hash?.update(piece);
        sink?.write(piece);
      },
      end: () => {
        if (content !== undefined && hash !== undefined) content.sha256 = hash.digest('hex');
        sink?.end();
        [content, hash, sink] = [undefined, undefined, undefined];
      },
    };
  }
}
