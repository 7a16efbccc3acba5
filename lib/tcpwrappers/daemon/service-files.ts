// Reads the services of the host from inetd.conf(5), xinetd.conf(5) and systemd.service(5), with the problems that
// tcpdchk(8) reports.

import { type BytePath, bytePath, joinPath, lastComponent, showPath, toLatin1 } from '../../binary/path.ts';
import { type FileRoot, type OpenFile, tryFile } from '../../binary/root.ts';
import { fold, show } from '../text/latin1.ts';

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

export interface ServiceFault {
  readonly rule:
    | `inetd-${'incomplete' | 'missing' | 'not-executable' | 'recursive' | 'rpc' | 'set-id' | 'insecure'}`
    | 'xinetd-asks'
    | 'world-writable';
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

interface Services {
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

function isWrapper(program: BytePath): boolean {
  return WRAPPERS.has(lastComponent(program));
}

// Options of `uchroot-tcpd run` without a separate value.
const FLAGS =
  /^--(?:clear-groups|allow-root|allow-new-privs|keep-env|new-session|die-with-parent|insecure-path|check)$|=/;

// The daemon that a wrapper starts, a path or a name.
function wrappedDaemon(program: BytePath, argv: readonly string[]): string | undefined {
  const run = argv.indexOf('run');
  // the argv[0] of tcpd is the daemon
  if (lastComponent(program) === 'tcpd' || run < 0) return argv[0];
  const words = argv.slice(run + 1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') return words[0];
    if (!word.startsWith('--')) return word;
    if (!FLAGS.test(word)) words.shift();
  }
  return undefined;
}

type Started = Pick<Service, 'daemon' | 'program' | 'starter'>;

/** The daemon of a command, argv[0] included: its program, or what a wrapper starts. */
function startedDaemon(program: BytePath, argv: readonly string[]): Started {
  // it asks by its own argv[0]
  if (!isWrapper(program))
    return { daemon: lastComponent((argv[0] ?? program) as BytePath), program, starter: 'itself' };
  const daemon = (wrappedDaemon(program, argv) ?? program) as BytePath;
  return { daemon: lastComponent(daemon), program: daemon, starter: 'tcpd' };
}

/** The status of the file that a path leads to; undefined if it does not exist or cannot be opened. */
export function statusOf(root: FileRoot, path: BytePath): OpenFile['status'] | undefined {
  return tryFile(root, path, ({ status }) => status);
}

/** Finds a program by path or name; undefined if it does not exist. */
export function findProgram(root: FileRoot, name: string): BytePath | undefined {
  const directories = name.startsWith('/') ? [''] : PROGRAM_DIRECTORIES.map((directory) => `${directory}/`);
  return directories
    .map((directory) => `${directory}${name}` as BytePath)
    .find((path) => statusOf(root, path) !== undefined);
}

/** The text of a file; undefined if it does not exist or cannot be read. */
export function readText(root: FileRoot, path: BytePath): string | undefined {
  return tryFile(root, path, (file) =>
    toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_FILE_BYTES))),
  );
}

/** Programs that trust the user name that the client sends. */
const TRUSTING = /^(?:(?:rpc\.)?rexd|(?:in\.)?(?:rshd|rlogind))$/;

type Fault = Pick<ServiceFault, 'rule' | 'message'>;

// Problems with a program that inetd, or the wrapper, executes.
function* tellProgram(root: FileRoot, path: BytePath): Generator<Fault, void> {
  const { mode } = statusOf(root, path) ?? {};
  const shown = showPath(path);
  if (mode === undefined) yield { rule: 'inetd-missing', message: `${shown} does not exist` };
  if (mode === undefined) return;
  if ((mode & 0o111) === 0) yield { rule: 'inetd-not-executable', message: `${shown} is not executable` };
  if ((mode & 0o6000) !== 0)
    yield { rule: 'inetd-set-id', message: `${shown} is set-user-ID or set-group-ID` };
  if ((mode & 0o002) !== 0) yield { rule: 'world-writable', message: `any user may write ${shown}` };
}

function* tellEntry(root: FileRoot, program: BytePath, daemon: BytePath, isRpc: boolean): Generator<Fault> {
  yield* tellProgram(root, program);
  const shown = showPath(daemon);
  if (TRUSTING.test(lastComponent(daemon)))
    yield { rule: 'inetd-insecure', message: `${shown} trusts what the client says` };
  if (!isWrapper(program)) return;
  if (isRpc) yield { rule: 'inetd-rpc', message: `${shown} is an RPC service over TCP` };
  const found = findProgram(root, daemon);
  if (isWrapper(daemon)) yield { rule: 'inetd-recursive', message: `${shown} starts itself` };
  else if (found === undefined)
    yield { rule: 'inetd-missing', message: `${shown}, which the wrapper starts, does not exist` };
  else yield* tellProgram(root, found);
}

export function readInetd(root: FileRoot, file: string): Services {
  const services: Service[] = [];
  const faults: ServiceFault[] = [];
  for (const [index, text] of (readText(root, bytePath(file)) ?? '').split('\n').entries()) {
    const place = { file, line: index + 1 };
    if (/^\s*(?:#|$)/.test(text)) continue;
    const [port, , protocol = '', , , path = '', ...argv] = text.trim().split(/[ \t]+/);
    const program = path as BytePath;
    if (port === undefined || path === '')
      faults.push({ rule: 'inetd-incomplete', ...place, message: 'it has fewer than six fields' });
    else if (path !== 'internal') {
      const started = startedDaemon(program, argv);
      const isRpc = protocol.startsWith('rpc/tcp');
      for (const fault of tellEntry(root, program, started.program, isRpc))
        faults.push({ ...fault, ...place });
      const found = findProgram(root, started.program) ?? started.program;
      services.push({ ...place, ...started, program: found, port });
    }
  }
  return { services, faults };
}

interface Section {
  readonly name: string;
  readonly line: number;
  readonly values: Map<string, string>;
}

function* readSections(text: string): Generator<Section, void> {
  let open: Section | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const begin = /^\s*service\s+(\S+)/.exec(line);
    if (begin !== null) open = { name: begin[1] ?? '', line: index + 1, values: new Map() };
    const [, name = '', operator, value = ''] = /^\s*(\w+)\s*([-+]?)=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== '')
      open?.values.set(name, operator === '+' ? `${open.values.get(name) ?? ''} ${value}` : value);
    if (open === undefined || !/^\s*\}/.test(line)) continue;
    yield open;
    open = undefined;
  }
}

/** The enabled services of a directory such as /etc/xinetd.d. */
export function readXinetd(root: FileRoot, directory: string): Services {
  const services: Service[] = [];
  const faults: ServiceFault[] = [];
  for (const entry of root.list(bytePath(directory)) ?? []) {
    const file = joinPath(bytePath(directory), entry);
    for (const { name, line, values } of readSections(readText(root, file) ?? '')) {
      const server = values.get('server');
      if (server === undefined || values.get('disable') === 'yes') continue;
      const words = (key: string) => (values.get(key) ?? '').split(/\s+/).filter((word) => word !== '');
      const program = bytePath(server);
      const [args, flags] = [words('server_args'), words('flags')];
      const argv = flags.includes('NAMEINARGS') ? args : [lastComponent(program), ...args];
      const started = startedDaemon(program, argv);
      const service = { ...started, port: name, file, line };
      // the name by which xinetd itself asks the rules, if it does
      const asksFor = flags.includes('NOLIBWRAP')
        ? undefined
        : (values.get('libwrap') ?? lastComponent((argv[0] ?? program) as BytePath));
      if (started.starter === 'tcpd') services.push(service);
      else if (asksFor === undefined) services.push({ ...service, daemon: lastComponent(program) });
      else services.push({ ...service, daemon: asksFor, starter: 'xinetd' });
      // xinetd asks before the wrapper, by another name
      if (started.starter !== 'tcpd' || asksFor === undefined || fold(asksFor) === fold(started.daemon))
        continue;
      const message = `xinetd asks libwrap about ${show(asksFor)} before the wrapper is asked about ${show(started.daemon)}`;
      faults.push({ rule: 'xinetd-asks', file, line, message });
    }
  }
  return { services, faults };
}

/** Directories of units; the first unit of a name counts (systemd.unit(5)). */
const UNIT_DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map((directory) =>
  bytePath(`${directory}/systemd/system`),
);

// ExecStart= of a unit: special characters may precede the path; after @, the next word is argv[0].
function toService(unit: string, file: string, line: number, command: string): Service | undefined {
  const [first = '', ...words] = command.split(/\s+/);
  const [, prefix = '', path = ''] = /^([-@:+!|]*)(.*)$/.exec(first) ?? [];
  if (!path.startsWith('/')) return undefined;
  const program = bytePath(path);
  const argv = prefix.includes('@') ? words : [lastComponent(program), ...words];
  return { ...startedDaemon(program, argv), unit, file, line };
}

export function readUnits(root: FileRoot): readonly Service[] {
  const services: Service[] = [];
  const seen = new Set<BytePath>();
  for (const directory of UNIT_DIRECTORIES)
    for (const name of root.list(directory) ?? []) {
      if (!name.endsWith('.service') || seen.has(name)) continue;
      seen.add(name);
      const file = joinPath(directory, name);
      const target = root.lstat(file)?.target;
      // an alias of a unit, or a link to /dev/null, which masks the unit (systemd.unit(5))
      if (target !== undefined && lastComponent(target) !== name) continue;
      for (const [index, line] of (readText(root, file) ?? '').split('\n').entries()) {
        const command = /^\s*ExecStart\s*=\s*(\S.*)$/.exec(line)?.[1];
        const service = command === undefined ? undefined : toService(name, file, index + 1, command);
        if (service !== undefined) services.push(service);
      }
    }
  return services;
}
