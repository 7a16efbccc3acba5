// Reads the services of the host from inetd.conf(5), xinetd.conf(5) and systemd.service(5), with the problems that
// tcpdchk(8) reports.

import { type BytePath, bytePath, joinPath, lastComponent, showPath, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, type OpenFile, tryFile } from '../../tree/root.ts';
import { fold, show } from '../text/latin1.ts';
import { addressOf, inetdLines, isPolicy, serviceOf } from './inetd-lines.ts';
import { isWrapper, startedDaemon, type Started } from './wrapped-daemon.ts';
import { attributesOf, isIncluded, readSections, type Section } from './xinetd-sections.ts';

/** A service of the host. Texts have one byte a character. */
export interface Service extends Started {
  /** Name in services(5), or a number. */
  readonly port?: string;
  readonly protocol?: 'tcp' | 'udp';
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

// Of inetd.conf(5), such as tcp6 or rpc/udp, and of xinetd.conf(5).
function protocolOf(text: string): Pick<Service, 'protocol'> {
  const name = /^(?:rpc\/)?(tcp|udp)/.exec(text)?.[1];
  return name === 'tcp' || name === 'udp' ? { protocol: name } : {};
}

export function readInetd(root: FileRoot, file: string): Services {
  const services: Service[] = [];
  const faults: ServiceFault[] = [];
  for (const read of inetdLines(readText(root, bytePath(file)) ?? '')) {
    if (isPolicy(read) || addressOf(read) !== undefined) continue;
    const place = { file, line: read.line };
    const fields = serviceOf(read);
    if (fields === undefined)
      faults.push({ rule: 'inetd-incomplete', ...place, message: 'it has fewer than six fields' });
    else if (fields.path !== 'internal') {
      const { name, protocol, argv } = fields;
      const program = fields.path as BytePath;
      const started = startedDaemon(program, argv);
      const isRpc = protocol.startsWith('rpc/tcp');
      for (const fault of tellEntry(root, program, started.program, isRpc))
        faults.push({ ...fault, ...place });
      const found = findProgram(root, started.program) ?? started.program;
      // an address may precede the service
      const port = name.slice(name.lastIndexOf(':') + 1);
      services.push({ ...place, ...started, program: found, port, ...protocolOf(protocol) });
    }
  }
  return { services, faults };
}

/** The enabled services of a directory such as /etc/xinetd.d. */
export function readXinetd(root: FileRoot, directory: string): Services {
  const services: Service[] = [];
  const faults: ServiceFault[] = [];
  for (const entry of (root.list(bytePath(directory)) ?? []).filter(isIncluded)) {
    const file = joinPath(bytePath(directory), entry);
    const sections: Section[] = [];
    const fault = readSections([{ path: file, text: readText(root, file) ?? '' }], () => [], sections);
    if (fault !== undefined)
      faults.push({ rule: 'inetd-incomplete', file, line: fault.line, message: fault.message });
    for (const section of sections) {
      const { name, line } = section;
      const attributes = attributesOf(section);
      const words = (key: string): readonly string[] => attributes.get(key)?.words ?? [];
      const [server] = words('server');
      if (server === undefined || words('disable')[0] === 'yes') continue;
      const program = bytePath(server);
      const [args, flags] = [words('server_args'), words('flags')];
      const argv = flags.includes('NAMEINARGS') ? args : [lastComponent(program), ...args];
      const started = startedDaemon(program, argv);
      const socketType = { stream: 'tcp', dgram: 'udp' }[words('socket_type')[0] ?? ''] ?? '';
      const protocol = protocolOf(words('protocol')[0] ?? socketType);
      const service = { ...started, port: words('port')[0] ?? name, ...protocol, file, line };
      // the name by which xinetd itself asks the rules, if it does
      const asksFor = flags.includes('NOLIBWRAP')
        ? undefined
        : (words('libwrap')[0] ?? lastComponent((argv[0] ?? program) as BytePath));
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

interface UnitFile {
  readonly name: string;
  readonly file: BytePath;
  readonly text: string;
}

// The units of one kind; no alias, and none that is masked by a link to /dev/null (systemd.unit(5)).
function* unitFiles(root: FileRoot, suffix: '.service' | '.socket'): Generator<UnitFile, void> {
  const seen = new Set<BytePath>();
  for (const directory of UNIT_DIRECTORIES)
    for (const name of root.list(directory) ?? []) {
      if (!name.endsWith(suffix) || seen.has(name)) continue;
      seen.add(name);
      const file = joinPath(directory, name);
      const target = root.lstat(file)?.target;
      if (target !== undefined && lastComponent(target) !== name) continue;
      yield { name, file, text: readText(root, file) ?? '' };
    }
}

export function readUnits(root: FileRoot): readonly Service[] {
  const services: Service[] = [];
  for (const { name, file, text } of unitFiles(root, '.service'))
    for (const [index, line] of text.split('\n').entries()) {
      const command = /^\s*ExecStart\s*=\s*(\S.*)$/.exec(line)?.[1];
      const service = command === undefined ? undefined : toService(name, file, index + 1, command);
      if (service !== undefined) services.push(service);
    }
  return services;
}

/** The units of sockets, each with the unit that it starts (systemd.socket(5)). */
export function readSockets(root: FileRoot): readonly { readonly socket: string; readonly starts: string }[] {
  return Array.from(unitFiles(root, '.socket'), ({ name, text }) => {
    const valueOf = (key: string) => new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1];
    const isTemplate = /^(?:1|yes|y|true|t|on)$/i.test(valueOf('Accept') ?? '');
    const own = name.slice(0, -'.socket'.length);
    return { socket: name, starts: valueOf('Service') ?? `${own}${isTemplate ? '@' : ''}.service` };
  });
}
