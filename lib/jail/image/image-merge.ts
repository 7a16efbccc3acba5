// Says where the names of an image lead: its layers become one tree, as a container of it would see them (image-spec, "layer.md"). No file
// is touched, so nothing can lead out of the tree. Pure.
import { type BytePath, showPath } from '../../tree/path.ts';
import { BadImage } from './bad-image.ts';
import type { ReadEntry } from './tar-reader.ts';

/** The content of a file. Several entries have the same one if they were hard links. */
export interface ImageContent {
  /** From 0 in the order of the archives. A file that a later layer replaces has one too. */
  readonly number: number;
  readonly sizeBytes: number;
  /** In hexadecimal; set when it has been read. */
  sha256: string;
}

/** One path of an image. */
export interface ImagePath {
  /** Absolute; no directory above it is a link. */
  readonly path: BytePath;
  readonly kind: 'directory' | 'link' | 'file' | 'device' | 'block-device' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeS: number;
  /** Of a link, as written. */
  readonly target?: BytePath;
  /** Of a device. */
  readonly major?: number;
  readonly minor?: number;
  /** `security.capability`, and OTHERS for all others. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Of a file. */
  readonly content?: ImageContent;
}

type Meta = Omit<ImagePath, 'path'>;

interface Node {
  meta: Meta;
  /** The number of the layer that named it last. */
  layer: number;
  /** Of a directory. */
  readonly children: Map<string, Node> | undefined;
}

interface Place {
  readonly parent: Node;
  readonly name: string;
}

/** path_resolution(7) */
const MOST_LINKS = 40;
const MOST_PATH_BYTES = 4095;
/** Of an absolute path: the one in front of it has to fit too. */
const MOST_WHOLE_BYTES = 4000;
/** How a name begins that hides another one of lower layers (image-spec, "layer.md"). */
export const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

export class ImageTree {
  readonly #root: Node = { meta: implied, layer: 0, children: new Map() };
  readonly #mostEntries: number;
  #layer = 0;
  #hasWhiteouts = true;
  #count = 0;
  #contents = 0;

  constructor(mostEntries = 500_000) {
    this.#mostEntries = mostEntries;
  }

  /** What comes now is of the next layer; without `hasWhiteouts`, of an archive in which all names are those of files. */
  beginLayer(hasWhiteouts = true): void {
    this.#layer++;
    this.#hasWhiteouts = hasWhiteouts;
  }

  /** Takes the next entry of an archive. Returns the content that follows it. @throws BadImage */
  add(entry: ReadEntry): ImageContent | undefined {
    this.#countOne();
    const names = entry.name.split('/').filter((part) => part !== '' && part !== '.');
    if (names.includes('..')) throw new BadImage(`${showPath(entry.name)} leads upward`);
    const last = names.at(-1);
    if (last === undefined) {
      if (entry.kind !== 'directory') throw new BadImage('its root is no directory');
      return undefined;
    }
    const isWhiteout = (name: string): boolean => this.#hasWhiteouts && name.startsWith(WHITEOUT);
    if (names.slice(0, -1).some(isWhiteout))
      throw new BadImage(`${showPath(entry.name)} is below a whiteout`);
    if (isWhiteout(last)) {
      this.#hide(names, last, entry.name);
      return undefined;
    }
    if (entry.kind === 'hardlink') {
      this.#link(names, entry);
      return undefined;
    }
    const content =
      entry.kind === 'file'
        ? { number: this.#contents++, sizeBytes: entry.sizeBytes, sha256: '' }
        : undefined;
    this.#put(this.#find(names, entry.name, true), metaOf(entry, content));
    return content;
  }

  /** All paths; a directory comes before its content. @throws BadImage if a path is longer than the kernel takes */
  entries(): readonly ImagePath[] {
    const all: ImagePath[] = [];
    const visit = (path: string, { children }: Node): void => {
      for (const [name, node] of children ?? []) {
        const own = `${path}/${name}` as BytePath;
        if (own.length > MOST_WHOLE_BYTES)
          throw new BadImage(`${showPath(own.slice(0, 100) as BytePath)}… is too long for a path`);
        all.push({ path: own, ...node.meta });
        visit(own, node);
      }
    };
    visit('', this.#root);
    return all.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  #countOne(): void {
    if (++this.#count > this.#mostEntries)
      throw new BadImage(`it has more than ${this.#mostEntries} files and directories`);
  }

  #put({ parent, name }: Place, meta: Meta): void {
    const before = parent.children?.get(name);
    if (meta.kind === 'directory' && before?.children !== undefined) {
      before.meta = meta;
      before.layer = this.#layer;
    } else
      parent.children?.set(name, {
        meta,
        layer: this.#layer,
        children: meta.kind === 'directory' ? new Map() : undefined,
      });
  }

  /** The directory of a name, links followed as in a container. Directories that are missing are made if `makes`. */
  #find(names: readonly string[], whole: BytePath, makes: true): Place;
  #find(names: readonly string[], whole: BytePath, makes: false): Place | undefined;
  #find(names: readonly string[], whole: BytePath, makes: boolean): Place | undefined {
    const way: Node[] = [this.#root];
    const waiting = names.slice(0, -1).toReversed();
    for (let links = 0; waiting.length > 0;) {
      const name = waiting.pop() ?? '';
      const at = way.at(-1) ?? this.#root;
      if (name === '..') {
        if (way.length > 1) way.pop();
        continue;
      }
      if (at.children?.has(name) !== true) {
        if (!makes) return undefined;
        this.#countOne();
        this.#put({ parent: at, name }, implied);
      }
      const next = at.children?.get(name);
      if (way.length > MOST_PATH_BYTES / 2) throw new BadImage(`${showPath(whole)} is too deep`);
      if (next?.children !== undefined) way.push(next);
      else if (next?.meta.kind === 'link') {
        if (++links > MOST_LINKS)
          throw new BadImage(`the links on the way to ${showPath(whole)} lead in a circle`);
        const target = next.meta.target ?? '';
        if (target.startsWith('/')) way.length = 1;
        waiting.push(
          ...target
            .split('/')
            .filter((part) => part !== '' && part !== '.')
            .toReversed(),
        );
      } else throw new BadImage(`${showPath(whole)} is below a file that is no directory`);
    }
    return { parent: way.at(-1) ?? this.#root, name: names.at(-1) ?? '' };
  }

  #link(names: readonly string[], { name, target }: ReadEntry): void {
    const parts = target.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw new BadImage(`${showPath(name)} is a hard link that leads upward`);
    const from = parts.length === 0 ? undefined : this.#find(parts, target, false);
    const node = from?.parent.children?.get(from.name);
    if (node === undefined || node.children !== undefined)
      throw new BadImage(
        `${showPath(name)} is a hard link to ${showPath(target)}, and no such file comes before it`,
      );
    this.#put(this.#find(names, name, true), node.meta);
  }

  // A whiteout hides what is in the layers below, and nothing of its own.
  #hide(names: readonly string[], last: string, whole: BytePath): void {
    const place = this.#find(names, whole, false);
    if (last === OPAQUE) {
      if (place !== undefined) this.#prune(place.parent);
      return;
    }
    // Further names are of aufs, which keeps its own state there.
    if (last.startsWith('.wh..wh.')) return;
    const hidden = last.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw new BadImage(`${showPath(whole)} is a whiteout of no file`);
    const node = place?.parent.children?.get(hidden);
    if (place === undefined || node === undefined) return;
    if (this.#prune(node)) place.parent.children?.delete(hidden);
  }

  /** Removes what lower layers have in a directory. True if nothing of this layer is left in it, and it is of a lower one itself. */
  #prune(node: Node): boolean {
    for (const [name, child] of node.children ?? []) if (this.#prune(child)) node.children?.delete(name);
    return node.layer < this.#layer && (node.children?.size ?? 0) === 0;
  }
}

const implied: Meta = { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeS: 0, xattrs: new Map() };

function metaOf(
  { kind, target, major, minor, ...entry }: ReadEntry,
  content: ImageContent | undefined,
): Meta {
  if (kind === 'hardlink') throw new TypeError('a hard link has no attributes of its own');
  const { mode, uid, gid, mtimeS, xattrs } = entry;
  const isDevice = kind === 'device' || kind === 'block-device';
  return {
    kind,
    mode,
    uid,
    gid,
    mtimeS,
    xattrs,
    ...(kind === 'link' && { target }),
    ...(isDevice && { major, minor }),
    ...(content && { content }),
  };
}
