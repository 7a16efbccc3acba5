// Unpacks layers in a process that can do nothing else: in a jail with the programs of the host and our own code, which it cannot write to, without
// network, and with an id of its own. It gets the layers and sends what is in them; this process decides where that goes.
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  write,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { JailError, LaunchError } from '../../errors.ts';
import { descriptorOf } from '../../launch/request/stdio.ts';
import { spawnInJail } from '../../launch/start/spawn.ts';
import { commandDirectory, native } from '../../native.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import { quote } from '../../words/quote.ts';
import { attempt, errorCode, lookOr } from '../../words/system-error.ts';
import { throwIfAborted, toJailError, wordsOf } from '../work/jail-error.ts';
import { FrameReader } from './layer-frames.ts';
import type { LayerStream } from './layer-stream.ts';
import type { TarEvents } from './tar-reader.ts';

export interface LayerReader {
  /** As readLayer of layer-stream.ts, but for the hash of the compressed layer, which is not made. */
  readonly read: (layer: LayerStream, events: TarEvents) => Promise<void>;
  readonly close: () => Promise<void>;
}

const script = "require('/package/dist/bin/open-bundle.cjs').openBundle('layers')";
// Where programs and their libraries are; on a merged-usr system all but /usr are links.
const ofHost = ['bin', 'lib', 'lib64'];

/** @throws JailError if the jail cannot be made */
export async function openJailedReader(signal: AbortSignal | undefined): Promise<LayerReader> {
  const directory = resolve(tmpdir());
  removeAbandoned(directory);
  let box: string;
  try {
    box = mkdtempSync(join(directory, BOX));
  } catch (error) {
    throw unusable(error, directory);
  }
  const lock = openSync(box, 'r');
  native.lockFile(lock);
  const remove = (): void => {
    rmSync(box, { recursive: true });
    closeSync(lock);
  };
  try {
    const process = await startIn(box, signal);
    // Of their own: a stream closes its descriptor when the process has ended, and another file may get that number.
    const [input, from] = [process.stdin, process.stdout].map((end) =>
      native.openWide(descriptorOf(end) ?? -1),
    ) as [number, number];
    const output = piecesFrom(from);
    const frames = new FrameReader();
    let sending: Promise<unknown> = Promise.resolve();
    return {
      read: (layer, events) => {
        const sent = sendLayer(layer, input);
        sending = sent.catch(() => {});
        return receive(sent, events, frames, output).catch((error: unknown) => {
          throwIfAborted(signal); // then the process was ended from here
          throw error;
        });
      },
      close: async () => {
        process.kill('SIGKILL');
        await process.exited.catch(() => {});
        await output.return();
        await sending; // after a fault it goes on until its next write fails: not into another file of that number
        native.closeDescriptor(from);
        native.closeDescriptor(input);
        remove();
      },
    };
  } catch (error) {
    remove();
    if (!(error instanceof LaunchError)) throw unusable(error, directory);
    throw new JailError(
      `an image is read in a jail of its own, and that cannot be started here: ${error.message}`,
      {
        code: 'EPERM',
        hint: 'uchroot --doctor shows what this host lacks for isolated launches',
        cause: error,
      },
    );
  }
}

const BOX = 'uchroot-image-';

// A system error of what is made there has the path of a part of it, or none.
function unusable(error: unknown, directory: string): unknown {
  const told = toJailError(error);
  if (told === error || !(told instanceof JailError)) return error;
  return new JailError(`${quote(directory)}, where images are read: ${wordsOf(error as Error)}`, {
    code: told.code,
    path: quote(directory),
    hint: 'make room there, or name another directory in which you may write: TMPDIR=/var/tmp',
    cause: error,
  });
}

// Runs that were killed have left them. A running one holds a lock, a moment after it has made its own. Nobody else can rename what is ours
// in a sticky directory.
function removeAbandoned(directory: string): void {
  for (const name of lookOr([], () => readdirSync(directory))) {
    if (!name.startsWith(BOX)) continue;
    const path = join(directory, name);
    const status = lookOr(undefined, () => lstatSync(path));
    if (status?.isDirectory() !== true || status.uid !== process.geteuid?.()) continue;
    if (Date.now() - status.mtimeMs < 60_000) continue;
    const fd = lookOr(undefined, () => openSync(path, 'r'));
    if (fd === undefined) continue;
    if (native.lockFile(fd)) attempt(() => rmSync(path, { recursive: true, force: true }));
    closeSync(fd);
  }
}

const bind = (source: string, to: string) => ({ bind: source, to, readOnly: true });

async function startIn(box: string, signal: AbortSignal | undefined) {
  chmodSync(box, 0o755);
  mkdirSync(`${box}/usr`);
  mkdirSync(`${box}/package`);
  writeFileSync(`${box}/node`, '');
  const real = ofHost.flatMap((name) => {
    const status = lookOr(undefined, () => lstatSync(`/${name}`));
    if (status?.isSymbolicLink() === true) symlinkSync(readlinkSync(`/${name}`), `${box}/${name}`);
    if (status?.isDirectory() !== true) return [];
    mkdirSync(`${box}/${name}`);
    return [bind(`/${name}`, `/${name}`)];
  });
  return spawnInJail({
    user: 'auto',
    jail: box,
    program: '/node',
    args: ['-e', script],
    [isOrdinary(caller()) ? 'rootless' : 'isolate']: true,
    readOnly: true,
    noSetId: true,
    dieWithParent: true,
    // The package is the code that runs here already, whoever owns it.
    insecurePath: true,
    view: [
      ...real,
      bind('/usr', '/usr'),
      bind(`${commandDirectory}/../..`, '/package'),
      bind(process.execPath, '/node'),
    ],
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  });
}

const PIECE_BYTES = 1 << 20;
const [readSome, writeSome] = [promisify(read), promisify(write)];

/** What comes from a pipe. A piece is valid until the next one is asked for; that one is read meanwhile. */
async function* piecesFrom(fd: number): AsyncGenerator<Buffer, void, undefined> {
  const [one, other] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  let coming = readSome(fd, one, 0, PIECE_BYTES, null);
  try {
    for (;;) {
      const { bytesRead, buffer } = await coming;
      if (bytesRead === 0) return;
      coming = readSome(fd, buffer === one ? other : one, 0, PIECE_BYTES, null);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await coming;
  }
}

async function sendLayer({ pieces, sizeBytes, diffId }: LayerStream, input: number): Promise<void> {
  const send = async (piece: Uint8Array): Promise<void> => {
    for (let at = 0; at < piece.length;) at += (await writeSome(input, piece, at)).bytesWritten;
  };
  await send(Buffer.from(`${JSON.stringify({ sizeBytes, diffId })}\n`));
  for await (const piece of pieces) await send(piece);
}

async function receive(
  sent: Promise<void>,
  events: TarEvents,
  frames: FrameReader,
  output: AsyncIterator<Buffer>,
): Promise<void> {
  // If the other side finds a fault, it does not read the rest; and its words come.
  const failed = sent.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  for (let isDone = false; !isDone;) {
    const { done, value } = await output.next();
    if (done === true) throw await endOf(failed);
    isDone = frames.push(value, events);
  }
  await sent;
}

// What this side has found comes first: the file is shorter than it was, the signal.
async function endOf(failed: Promise<{ readonly error: unknown } | undefined>): Promise<unknown> {
  const { error } = (await failed) ?? {};
  if (error !== undefined && errorCode(error) !== 'EPIPE') return error;
  return new JailError(
    'the process that unpacks the image was killed, or has failed: it says why before this line',
    {
      code: 'EIO',
      hint: 'is there enough memory? dmesg tells of processes that the kernel has killed',
    },
  );
}
