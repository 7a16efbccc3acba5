// Services that xinetd starts (xinetd.conf(5)): it asks libwrap itself, by the name of the server.

import { type BytePath, bytePath, joinPath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { isWrapper, readText, type Service, wrappedDaemon } from './service.ts';

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
    const value = /^\s*(\w+)\s*[-+]?=\s*(.*?)\s*$/.exec(line);
    if (value !== null) open?.values.set(value[1] ?? '', value[2] ?? '');
    if (open !== undefined && /^\s*\}/.test(line)) {
      yield { ...open, file };
      open = undefined;
    }
  }
}

function toService({ name, file, line, values }: Section): Service | undefined {
  const server = values.get('server');
  if (server === undefined || values.get('disable') === 'yes') return undefined;
  const program = bytePath(server);
  const args = (values.get('server_args') ?? '').split(/\s+/).filter((word) => word !== '');
  const hasNames = values.get('flags')?.split(/\s+/).includes('NAMEINARGS') === true;
  const argv = hasNames ? args : [lastComponent(program), ...args];
  const daemon = isWrapper(program) ? (wrappedDaemon(program, argv) ?? program) : program;
  return {
    daemon: lastComponent(daemon),
    program: daemon,
    starter: isWrapper(program) ? 'tcpd' : 'xinetd',
    port: name,
    file,
    line,
  };
}

/** The enabled services of a directory such as /etc/xinetd.d. */
export function readXinetd(root: FileRoot, directory: string): readonly Service[] {
  return (root.list(bytePath(directory)) ?? []).flatMap((name: BytePath) => {
    const file = joinPath(bytePath(directory), name);
    return [...readSections(file, readText(root, file) ?? '')]
      .map(toService)
      .filter((service) => service !== undefined);
  });
}
