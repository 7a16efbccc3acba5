// Encodes the data behind the code of a compiled launcher; native/compiled/payload.h reads it. Pure.
import type { EnvironmentRules } from '../host/environment.ts';
import type { StepWords } from './messages.ts';

/** A directory on the path to the jail or to the pid file. */
export interface Component {
  readonly name: Buffer;
  /** Its whole path, quoted. */
  readonly shown: string;
  /** Without a file type if the directory does not exist yet. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** system.posix_acl_access, if the list can let other users write. */
  readonly acl?: Uint8Array | undefined;
}

/** A pid file: its name, and the path of its directory from / on. */
export interface RecordedPidFile {
  readonly way: readonly Component[];
  readonly name: Buffer;
  readonly shown: string;
}

/** Identifies the jail's directory. */
interface Identity {
  readonly inode: bigint;
  /** 0: the file system keeps none. */
  readonly birthTimeNs: bigint;
  readonly device: bigint;
}

/** The jail that a compiled launcher will expect. */
export interface RecordedJail {
  /** From / on, the jail last. */
  readonly components: readonly Component[];
  readonly identity: Identity;
}

/** All data of a compiled launcher. */
export interface Payload extends RecordedJail {
  readonly architecture: Architecture;
  readonly anyInode: boolean;
  readonly anyPath: boolean;
  readonly environment: EnvironmentRules;
  /** The output of encodePlan. */
  readonly plan: Buffer;
  readonly words: StepWords;
  readonly statusFd: number | undefined;
  /**
   * --service-status: the exit statuses of a failed launch, and the errnos that may pass. undefined: the ordinary
   * statuses.
   */
  readonly service:
    | { readonly final: number; readonly passing: number; readonly passingErrnos: readonly number[] }
    | undefined;
  readonly pidFile: RecordedPidFile | undefined;
  readonly planText: string;
  readonly helpText: string;
  readonly versionText: string;
}

/** e_machine (elf.h) for each process.arch. */
export const machines = { x64: 62, arm64: 183 } as const;

export type Architecture = keyof typeof machines;

const magic = 0x324c4355;
/** The size of the checksum, at the start of a payload. The magic number follows it. */
export const checksumBytes = 8;
/** sizeof(Payload) */
export const headerBytes = 176;

// A growing block: tables and strings are appended, and their offsets go into the header.
class Block {
  readonly #parts: Buffer[] = [];
  // Equal strings are stored once: many steps have the same texts.
  readonly #strings = new Map<string, number>();
  #size = headerBytes;

  put(bytes: Buffer, alignment = 1): number {
    const gap = -this.#size & (alignment - 1);
    this.#parts.push(Buffer.alloc(gap), bytes);
    const offset = this.#size + gap;
    this.#size = offset + bytes.length;
    return offset;
  }

  string(text: string | Buffer): number {
    const bytes = Buffer.concat([Buffer.from(text), Buffer.of(0)]);
    const key = bytes.toString('latin1');
    const offset = this.#strings.get(key) ?? this.put(bytes);
    this.#strings.set(key, offset);
    return offset;
  }

  /** Appends rows of 32-bit numbers; returns [offset, count]. */
  table(rows: readonly (readonly number[])[]): readonly [number, number] {
    const words = rows.flat();
    const bytes = Buffer.alloc(words.length * 4);
    words.forEach((word, index) => bytes.writeUInt32LE(word, index * 4));
    return [this.put(bytes, 4), rows.length];
  }

  strings(texts: readonly (string | Buffer)[]): readonly [number, number] {
    return this.table(texts.map((text) => [this.string(text)]));
  }

  way(components: readonly Component[]): readonly [number, number] {
    return this.table(
      components.map(({ name, shown, mode, uid, gid, acl = Buffer.alloc(0) }) => [
        this.string(name),
        this.string(shown),
        mode,
        uid,
        gid,
        this.put(Buffer.from(acl)),
        acl.length,
      ]),
    );
  }

  finish(header: Buffer): Buffer {
    return Buffer.concat([header, ...this.#parts]);
  }

  get size(): number {
    return this.#size;
  }
}

// gnu_dev_major and gnu_dev_minor of makedev(3)
function splitDevice(device: bigint): readonly [major: number, minor: number] {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return [Number(major), Number(minor)];
}

/** The bytes of a payload. Its checksum stays zero. */
export function encodePayload(payload: Payload): Buffer {
  const block = new Block();
  const { identity, words, environment, pidFile, service } = payload;
  const plan = block.put(payload.plan); // first, at a multiple of 8: sizeof(Payload) is one
  const pidFileWords =
    pidFile === undefined ? [0, 0] : [block.string(pidFile.name), block.string(pidFile.shown)];
  const texts = [payload.planText, payload.helpText, payload.versionText].map((text) => block.string(text));
  const tables = [
    [plan, payload.plan.length],
    block.way(payload.components),
    block.way(pidFile?.way ?? []),
    block.strings(words.heads),
    block.table(
      words.reasons.map(({ step, errno, text, hint }) => [
        step,
        errno,
        block.string(text),
        hint === undefined ? 0 : block.string(hint),
      ]),
    ),
    block.table(words.errors.map(({ errno, name, text }) => [errno, block.string(name), block.string(text)])),
    block.strings(environment.beginnings),
    block.strings(environment.entries),
    block.strings(environment.fallbacks),
    block.strings(environment.directories),
    block.table((service?.passingErrnos ?? []).map((errno) => [errno])),
    [service?.final ?? 0, service?.passing ?? 0],
    // The socket of the service manager: the launcher connects it at run time.
    [-1, block.string(environment.jail)],
  ].flat();
  // The last string must end inside the block, and the block must not end in zeros: a truncated file reads as zeros.
  block.put(Buffer.of(0, 1));

  const header = Buffer.alloc(headerBytes);
  const put32 = (values: readonly number[], at: number): number =>
    values.reduce((next, value) => header.writeUInt32LE(value >>> 0, next), at);
  const flags = (payload.anyInode ? 1 : 0) | (payload.anyPath ? 2 : 0) | (environment.keepsOthers ? 4 : 0);
  let at = put32([magic, machines[payload.architecture], block.size, flags], checksumBytes);
  at = header.writeBigUInt64LE(identity.inode, at);
  at = header.writeBigInt64LE(identity.birthTimeNs, at);
  put32([...splitDevice(identity.device), payload.statusFd ?? -1, ...pidFileWords, ...texts, ...tables], at);
  return block.finish(header);
}
