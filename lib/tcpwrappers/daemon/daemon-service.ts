// A service of the host: its daemon, the program of the daemon, and who starts it.

import { type BytePath, lastComponent, toLatin1 } from '../../binary/path.ts';
import { type FileRoot, type OpenFile, tryFile } from '../../binary/root.ts';

/** Texts have one byte a character. */
export interface Service {
  /** The process name of the daemon, which rules name. */
  readonly daemon: string;
  readonly program: BytePath;
  /** Who starts the daemon and may ask the rules for it: a wrapper (tcpd, `uchroot-tcpd run`), or xinetd. */
  readonly starter: 'tcpd' | 'xinetd' | 'itself';
  /** Name in services(5). */
  readonly port?: string;
  readonly unit?: string;
  readonly file: string;
  readonly line: number;
}

/** A problem in a file of services. */
export interface ServiceFault {
  readonly rule:
    | `inetd-${'incomplete' | 'missing' | 'not-executable' | 'recursive' | 'rpc' | 'set-id' | 'insecure'}`
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

/** Where tcpd and the shell of root look for programs without a path. */
export const PROGRAM_DIRECTORIES: readonly string[] =
  '/usr/sbin /usr/local/sbin /sbin /usr/bin /usr/local/bin /bin /usr/libexec'.split(' ');

/** Largest file that is read: a file of services, or a program. */
const MAX_FILE_BYTES = 16 << 20;

/** Names of wrappers; uchroot-tcpd takes the daemon as an operand. */
const WRAPPERS: ReadonlySet<string> = new Set(['tcpd', 'uchroot-tcpd', 'uchroot-tcpd.cjs']);

export function isWrapper(program: BytePath): boolean {
  return WRAPPERS.has(lastComponent(program));
}

// Options of `uchroot-tcpd run` without a separate value.
const FLAGS =
  /^--(?:clear-groups|allow-root|allow-new-privs|keep-env|new-session|die-with-parent|insecure-path|check)$|=/;

// The daemon that a wrapper starts, a path or a name.
function wrappedDaemon(program: BytePath, argv: readonly string[]): BytePath | undefined {
  const run = argv.indexOf('run');
  // the argv[0] of tcpd is the daemon
  if (lastComponent(program) === 'tcpd' || run < 0) return argv[0] as BytePath | undefined;
  let at = run + 1;
  for (let word = argv[at]; word?.startsWith('--') === true; word = argv[at]) {
    at++;
    if (word === '--') break;
    if (!FLAGS.test(word)) at++;
  }
  return argv[at] as BytePath | undefined;
}

/** The daemon of a command, argv[0] included: its program, or what a wrapper starts. */
export function startedDaemon(
  program: BytePath,
  argv: readonly string[],
): Pick<Service, 'daemon' | 'program'> & { readonly starter: 'tcpd' | 'itself' } {
  if (!isWrapper(program)) {
    // it asks by its own argv[0]
    return { daemon: lastComponent((argv[0] ?? program) as BytePath), program, starter: 'itself' };
  }
  const daemon = wrappedDaemon(program, argv) ?? program;
  return { daemon: lastComponent(daemon), program: daemon, starter: 'tcpd' };
}

/** The status of the file that a path leads to; undefined if it does not exist or cannot be opened. */
export function statusOf(root: FileRoot, path: BytePath): OpenFile['status'] | undefined {
  return tryFile(root, path, ({ status }) => status);
}

/** Finds a program by path or name; undefined if it does not exist. */
export function findProgram(root: FileRoot, name: string): BytePath | undefined {
  const directories = name.startsWith('/') ? [''] : PROGRAM_DIRECTORIES.map((directory) => `${directory}/`);
  const paths = directories.map((directory) => `${directory}${name}` as BytePath);
  return paths.find((path) => statusOf(root, path) !== undefined);
}

/** The text of a file; undefined if it does not exist or cannot be read. */
export function readText(root: FileRoot, path: BytePath): string | undefined {
  return tryFile(root, path, (file) =>
    toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_FILE_BYTES))),
  );
}
