// Services of systemd: the programs of their units (systemd.service(5)).

import { type BytePath, bytePath, joinPath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { isWrapper, readText, type Service, wrappedDaemon } from './service.ts';

/** Where units are; of one that is in several the first counts (systemd.unit(5)). */
const DIRECTORIES: readonly string[] = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
];

// ExecStart= of a unit; what stands before a path changes how it is started, and @ gives argv[0] behind it.
function toService(unit: string, file: string, line: number, command: string): Service | undefined {
  const [first = '', ...words] = command.split(/\s+/);
  const [, prefix = '', path = ''] = /^([-@:+!|]*)(.*)$/.exec(first) ?? [];
  if (!path.startsWith('/')) return undefined;
  const program = bytePath(path);
  const argv = prefix.includes('@') ? words : [lastComponent(program), ...words];
  const isWrapped = isWrapper(program);
  const daemon = isWrapped ? (wrappedDaemon(program, argv) ?? program) : program;
  return {
    daemon: lastComponent(isWrapped ? daemon : ((argv[0] ?? program) as BytePath)),
    program: daemon,
    starter: isWrapped ? 'tcpd' : 'itself',
    unit,
    file,
    line,
  };
}

// Another name of a unit, or a link to /dev/null, which keeps one from being started (systemd.unit(5)).
function isAlias(root: FileRoot, file: BytePath, name: BytePath): boolean {
  const target = root.lstat(file)?.target;
  return target !== undefined && lastComponent(target) !== name;
}

/** The services that units start. */
export function readUnits(root: FileRoot): readonly Service[] {
  const services: Service[] = [];
  const seen = new Set<BytePath>();
  for (const directory of DIRECTORIES)
    for (const name of root.list(bytePath(directory)) ?? []) {
      if (!name.endsWith('.service') || seen.has(name)) continue;
      seen.add(name);
      const file = joinPath(bytePath(directory), name);
      if (isAlias(root, file, name)) continue;
      for (const [index, line] of (readText(root, file) ?? '').split('\n').entries()) {
        const command = /^\s*ExecStart\s*=\s*(\S.*)$/.exec(line)?.[1];
        const service = command === undefined ? undefined : toService(name, file, index + 1, command);
        if (service !== undefined) services.push(service);
      }
    }
  return services;
}
