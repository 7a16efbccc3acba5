// Services that inetd starts (inetd.conf(5)), and what tcpdchk(8) finds wrong with the file.

import { type BytePath, bytePath, lastComponent, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import {
  findProgram,
  isWrapper,
  readText,
  type Service,
  type ServiceFault,
  type Services,
  statusOf,
  wrappedDaemon,
} from './service.ts';

/** Programs that let in whoever says who he is. */
const TRUSTING: ReadonlySet<string> = new Set([
  'rexd',
  'rpc.rexd',
  'rshd',
  'in.rshd',
  'rlogind',
  'in.rlogind',
]);

type Fault = Pick<ServiceFault, 'rule' | 'message'>;

interface Entry {
  readonly service: string;
  readonly type: string;
  readonly protocol: string;
  readonly program: BytePath;
  readonly argv: readonly string[];
}

function parseLine(text: string): Entry | 'incomplete' {
  const [service = '', type = '', protocol = '', wait, user, program = '', ...argv] = text
    .trim()
    .split(/[ \t]+/);
  if (wait === undefined || user === undefined || program === '') return 'incomplete';
  return { service, type, protocol, program: program as BytePath, argv };
}

// A program that inetd, or the wrapper, is to execute.
function* tellProgram(root: FileRoot, path: BytePath): Generator<Fault, void> {
  const status = statusOf(root, path);
  const shown = showPath(path);
  if (status === undefined) {
    yield { rule: 'inetd-missing', message: `${shown} is not there` };
    return;
  }
  if ((status.mode & 0o111) === 0)
    yield { rule: 'inetd-not-executable', message: `${shown} is not executable` };
  if ((status.mode & 0o6000) !== 0)
    yield { rule: 'inetd-set-id', message: `${shown} is set-user-ID or set-group-ID` };
  if ((status.mode & 0o002) !== 0) yield { rule: 'world-writable', message: `anybody may write ${shown}` };
}

function* tellEntry(root: FileRoot, entry: Entry, daemon: BytePath): Generator<Fault, void> {
  yield* tellProgram(root, entry.program);
  if (TRUSTING.has(lastComponent(daemon)))
    yield { rule: 'inetd-insecure', message: `${showPath(daemon)} trusts what the client says` };
  if (!isWrapper(entry.program)) return;
  if (entry.protocol.startsWith('rpc/tcp'))
    yield { rule: 'inetd-rpc', message: `${entry.service} is an RPC service over TCP` };
  if (isWrapper(daemon)) {
    yield { rule: 'inetd-recursive', message: `${showPath(daemon)} is told to start itself` };
    return;
  }
  const program = findProgram(root, daemon);
  if (program === undefined)
    yield {
      rule: 'inetd-missing',
      message: `${showPath(daemon)}, which the wrapper is to start, is not there`,
    };
  else yield* tellProgram(root, program);
}

/** What an inetd.conf says, if there is one. */
export function readInetd(root: FileRoot, file: string): Services {
  const services: Service[] = [];
  const faults: ServiceFault[] = [];
  for (const [index, text] of (readText(root, bytePath(file)) ?? '').split('\n').entries()) {
    const place = { file, line: index + 1 };
    if (/^\s*(?:#|$)/.test(text)) continue;
    const entry = parseLine(text);
    if (entry === 'incomplete') {
      faults.push({ rule: 'inetd-incomplete', ...place, message: 'it has fewer than six fields' });
      continue;
    }
    if (entry.program === 'internal') continue;
    const isWrapped = isWrapper(entry.program);
    const named = isWrapped ? wrappedDaemon(entry.program, entry.argv) : undefined;
    const daemon = named ?? entry.program;
    for (const { rule, message } of tellEntry(root, entry, daemon)) faults.push({ rule, ...place, message });
    services.push({
      ...place,
      // the daemon itself is asked about by the name that it is given
      daemon: lastComponent(isWrapped ? daemon : ((entry.argv[0] ?? daemon) as BytePath)),
      program: findProgram(root, daemon) ?? daemon,
      starter: isWrapped ? 'tcpd' : 'itself',
      port: entry.service,
    });
  }
  return { services, faults };
}
