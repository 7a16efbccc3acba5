// The services of a host: which daemon, of which program, is started how.

import { type BytePath, lastComponent, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';

/** What is known of one service. Texts have one byte a character. */
export interface Service {
  /** The process name of the daemon, which rules are about. */
  readonly daemon: string;
  /** Path of the daemon's program. */
  readonly program: BytePath;
  /** Who starts it, and so may ask for it: a wrapper (tcpd, `uchroot-tcpd run`), or xinetd. */
  readonly starter: 'tcpd' | 'xinetd' | 'itself';
  /** Name in services(5), where the service has one. */
  readonly port?: string;
  /** Its systemd unit. */
  readonly unit?: string;
  readonly file: string;
  readonly line: number;
}

/** A finding about a file of services. */
export interface ServiceFault {
  readonly rule:
    | 'inetd-incomplete'
    | 'inetd-missing'
    | 'inetd-not-executable'
    | 'inetd-recursive'
    | 'inetd-rpc'
    | 'inetd-set-id'
    | 'inetd-insecure'
    | 'xinetd-asks'
    | 'world-writable';
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface Services {
  readonly services: readonly Service[];
  readonly faults: readonly ServiceFault[];
}

/** Where programs of services are that have no path, as tcpd and the shell of root look for them. */
export const PROGRAM_DIRECTORIES: readonly string[] = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/sbin',
  '/usr/bin',
  '/usr/local/bin',
  '/bin',
  '/usr/libexec',
];

/** Largest file of services, or program, that is read. */
const MAX_FILE_BYTES = 16 << 20;

/** The wrappers, by the last component of their paths; of the second the daemon is an operand. */
const WRAPPERS: ReadonlySet<string> = new Set(['tcpd', 'uchroot-tcpd', 'uchroot-tcpd.cjs']);

/** Whether a program is a wrapper. */
export function isWrapper(program: BytePath): boolean {
  return WRAPPERS.has(lastComponent(program));
}

// Options of `uchroot-tcpd run` that take a value are followed by it, or hold it behind "=".
const FLAGS =
  /^--(?:clear-groups|allow-root|allow-new-privs|keep-env|new-session|die-with-parent|insecure-path|check)$|=/;

/**
 * The daemon that a wrapper starts, out of its arguments from argv[0] on: a path or a name; undefined if there is none.
 */
export function wrappedDaemon(program: BytePath, argv: readonly string[]): BytePath | undefined {
  // tcpd is called by the name of the daemon
  if (lastComponent(program) === 'tcpd') return argv[0] as BytePath | undefined;
  const run = argv.indexOf('run');
  if (run < 0) return argv[0] as BytePath | undefined;
  let at = run + 1;
  for (let word = argv[at]; word?.startsWith('--') === true; word = argv[at]) {
    at++;
    if (word === '--') break;
    if (!FLAGS.test(word)) at++;
  }
  return argv[at] as BytePath | undefined;
}

/** What a path leads to; undefined if it is no file, or cannot be told. */
export function statusOf(root: FileRoot, path: BytePath): ReturnType<FileRoot['lstat']> {
  try {
    const file = root.open(path);
    if (file === undefined) return undefined;
    file.close();
    return file.status;
  } catch {
    return undefined;
  }
}

/** A program by its path or its name; undefined if it is not there. */
export function findProgram(root: FileRoot, name: string): BytePath | undefined {
  const places = name.startsWith('/')
    ? [name]
    : PROGRAM_DIRECTORIES.map((directory) => `${directory}/${name}`);
  return (places as BytePath[]).find((place) => statusOf(root, place) !== undefined);
}

/** The text of a file of services; undefined if it is not there or cannot be read. */
export function readText(root: FileRoot, path: BytePath): string | undefined {
  try {
    const file = root.open(path);
    if (file === undefined) return undefined;
    try {
      return toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_FILE_BYTES)));
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
}
