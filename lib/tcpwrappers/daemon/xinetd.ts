// Services that xinetd starts (xinetd.conf(5)): it asks libwrap itself, by the name of the server, unless it is told not to.

import { type BytePath, bytePath, joinPath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { fold } from '../text/fold.ts';
import { show } from '../text/show.ts';
import {
  isWrapper,
  readText,
  type Service,
  type ServiceFault,
  type Services,
  wrappedDaemon,
} from './service.ts';

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

/** A service, and the name by which xinetd itself asks libwrap, if it does. */
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
  const wrapped = isWrapper(program) ? (wrappedDaemon(program, argv) ?? program) : undefined;
  const daemon = wrapped === undefined ? (asksFor ?? lastComponent(program)) : lastComponent(wrapped);
  const starter = wrapped !== undefined ? 'tcpd' : asksFor !== undefined ? 'xinetd' : 'itself';
  return { service: { daemon, program: wrapped ?? program, starter, port: name, file, line }, asksFor };
}

// It asks before the wrapper does, and by another name.
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
    return [...readSections(file, readText(root, file) ?? '')]
      .map(toStarted)
      .filter((one) => one !== undefined);
  });
  return {
    services: started.map(({ service }) => service),
    faults: started.map(faultOf).filter((fault) => fault !== undefined),
  };
}
