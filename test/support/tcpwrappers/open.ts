// Rules in files, opened.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Test } from 'tap';

import { type Hosts, type HostsOptions, openHosts } from '../../../lib/tcpwrappers/hosts.ts';
import { makeDirectory } from '../directory.ts';

export interface Opened {
  readonly hosts: Hosts;
  /** The path of a file in the directory of the rules. */
  readonly path: (name: string) => string;
  /** Writes a file there. */
  readonly write: (name: string, text: string | Uint8Array) => void;
}

/** Opens `allow`, `deny` and other files, each by its name in a directory; in a text, `@/` is that directory. */
export function openFiles(
  t: Test,
  files: Readonly<Record<string, string>>,
  options: HostsOptions = {},
): Opened {
  const directory = makeDirectory(t);
  const path = (name: string): string => join(directory, name);
  const write = (name: string, text: string | Uint8Array): void => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), typeof text === 'string' ? text.replaceAll('@/', `${directory}/`) : text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { hosts: openHosts({ allow: path('allow'), deny: path('deny'), ...options }), path, write };
}
