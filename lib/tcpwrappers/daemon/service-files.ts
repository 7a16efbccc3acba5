// Reads files of services: inetd.conf(5), xinetd.conf(5), systemd.service(5); with the problems that tcpdchk(8)
// reports.

import { type BytePath, bytePath, joinPath, lastComponent, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { fold, show } from '../text/latin1.ts';
import {
  findProgram,
  isWrapper,
  readText,
  type Service,
  type ServiceFault,
  type Services,
  startedDaemon,
  statusOf,
} from './daemon-service.ts';

/** Programs that trust the user name that the client sends. */
const TRUSTING = /^(?:(?:rpc\.)?rexd|(?:in\.)?(?:rshd|rlogind))$/;

type Fault = Pick<ServiceFault, 'rule' | 'message'>;

// Problems with a program that inetd, or the wrapper, executes.
function* tellProgram(root: FileRoot, path: BytePath): Generator<Fault, void> {
  const status = statusOf(root, path);
  const shown = showPath(path);
  if (status === undefined) {
    yield { rule: 'inetd-missing', message: `${shown} does not exist` };
    return;
  }
  if ((status.mode & 0o111) === 0)
    yield { rule: 'inetd-not-executable', message: `${shown} is not executable` };
  if ((status.mode & 0o6000) !== 0)
    yield { rule: 'inetd-set-id', message: `${shown} is set-user-ID or set-group-ID` };
  if ((status.mode & 0o002) !== 0) yield { rule: 'world-writable', message: `any user may write ${shown}` };
}

function* tellEntry(
  root: FileRoot,
  { program, daemon, isRpc }: { program: BytePath; daemon: BytePath; isRpc: boolean },
): Generator<Fault, void> {
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

/** The services of an inetd.conf. */
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
      const entry = { program, daemon: started.program, isRpc: protocol.startsWith('rpc/tcp') };
      for (const fault of tellEntry(root, entry)) faults.push({ ...fault, ...place });
      const found = findProgram(root, started.program) ?? started.program;
      services.push({ ...place, ...started, program: found, port });
    }
  }
  return { services, faults };
}

interface Section {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly values: ReadonlyMap<string, string>;
}

function* readSections(file: string, text: string): Generator<Section, void> {
  let open: { name: string; line: number; values: Map<string, string> } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const begin = /^\s*service\s+(\S+)/.exec(line);
    if (begin !== null) open = { name: begin[1] ?? '', line: index + 1, values: new Map() };
    const [, name = '', operator, value = ''] = /^\s*(\w+)\s*([-+]?)=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== '')
      open?.values.set(name, operator === '+' ? `${open.values.get(name) ?? ''} ${value}` : value);
    if (open !== undefined && /^\s*\}/.test(line)) {
      yield { ...open, file };
      open = undefined;
    }
  }
}

function words(values: Section['values'], name: string): readonly string[] {
  return (values.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
}

/** A service, and the name by which xinetd itself asks the rules, if it does. */
interface Started {
  readonly service: Service;
  readonly asksFor: string | undefined;
}

function toStarted({ name, file, line, values }: Section): Started | undefined {
  const server = values.get('server');
  if (server === undefined || values.get('disable') === 'yes') return undefined;
  const program = bytePath(server);
  const args = words(values, 'server_args');
  const flags = words(values, 'flags');
  const argv = flags.includes('NAMEINARGS') ? args : [lastComponent(program), ...args];
  const asksFor = flags.includes('NOLIBWRAP')
    ? undefined
    : (values.get('libwrap') ?? lastComponent((argv[0] ?? program) as BytePath));
  const started = startedDaemon(program, argv);
  const service = { ...started, port: name, file, line };
  if (started.starter === 'tcpd') return { service, asksFor };
  return asksFor === undefined
    ? { service: { ...service, daemon: lastComponent(program) }, asksFor }
    : { service: { ...service, daemon: asksFor, starter: 'xinetd' }, asksFor };
}

// xinetd asks before the wrapper, by another name.
function faultOf({ service, asksFor }: Started): ServiceFault | undefined {
  const { starter, daemon, file, line } = service;
  if (starter !== 'tcpd' || asksFor === undefined || fold(asksFor) === fold(daemon)) return undefined;
  const message = `xinetd asks libwrap about ${show(asksFor)} before the wrapper is asked about ${show(daemon)}`;
  return { rule: 'xinetd-asks', file, line, message };
}

/** The enabled services of a directory such as /etc/xinetd.d. */
export function readXinetd(root: FileRoot, directory: string): Services {
  const started = (root.list(bytePath(directory)) ?? []).flatMap((name: BytePath) => {
    const file = joinPath(bytePath(directory), name);
    const sections = [...readSections(file, readText(root, file) ?? '')];
    return sections.map(toStarted).filter((one) => one !== undefined);
  });
  return {
    services: started.map(({ service }) => service),
    faults: started.map(faultOf).filter((fault) => fault !== undefined),
  };
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

// An alias of a unit, or a link to /dev/null, which masks the unit (systemd.unit(5)).
function isAlias(root: FileRoot, file: BytePath, name: BytePath): boolean {
  const target = root.lstat(file)?.target;
  return target !== undefined && lastComponent(target) !== name;
}

/** The services of systemd's units. */
export function readUnits(root: FileRoot): readonly Service[] {
  const services: Service[] = [];
  const seen = new Set<BytePath>();
  for (const directory of UNIT_DIRECTORIES)
    for (const name of root.list(directory) ?? []) {
      if (!name.endsWith('.service') || seen.has(name)) continue;
      seen.add(name);
      const file = joinPath(directory, name);
      if (isAlias(root, file, name)) continue;
      for (const [index, line] of (readText(root, file) ?? '').split('\n').entries()) {
        const command = /^\s*ExecStart\s*=\s*(\S.*)$/.exec(line)?.[1];
        const service = command === undefined ? undefined : toService(name, file, index + 1, command);
        if (service !== undefined) services.push(service);
      }
    }
  return services;
}
