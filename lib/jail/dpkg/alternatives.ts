// The links that update-alternatives(1) makes: /usr/bin/cc, which is nobody's file.

import { remember } from '../../binary/files.ts';
import { type BytePath, bytePath, joinPath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Rename } from './lists.ts';
import { listIfThere, readIfThere, statusIfThere } from './read.ts';

/** A link, and the name under /etc/alternatives that it leads to. */
interface Link {
  readonly name: BytePath;
  readonly link: BytePath;
}

/**
 * The links that one file of /var/lib/dpkg/alternatives describes: its status, the main link, names and links of its
 * slaves up to an empty line, then the choices (update-alternatives(1), "FILES").
 */
function readAlternative(data: Uint8Array, name: BytePath): readonly Link[] {
  const [, link, ...rest] = toLatin1(data).split('\n') as BytePath[];
  if (link === undefined || !link.startsWith('/')) return [];
  const links = [{ name, link }];
  for (let at = 0; at + 1 < rest.length; at += 2) {
    const [slave, slaveLink] = rest.slice(at, at + 2);
    if (slave === undefined || slave === '' || !slaveLink?.startsWith('/')) break;
    links.push({ name: slave, link: slaveLink });
  }
  return links;
}

/** For each file that is somebody's choice, all links that lead to it by way of /etc/alternatives. */
export function readAlternatives(root: FileRoot, rename: Rename): ReadonlyMap<BytePath, readonly BytePath[]> {
  const links = new Map<BytePath, BytePath[]>();
  const directory = bytePath('/var/lib/dpkg/alternatives');
  for (const file of listIfThere(root, directory))
    for (const { name, link } of readAlternative(readIfThere(root, joinPath(directory, file)), file)) {
      const target = statusIfThere(root, joinPath(bytePath('/etc/alternatives'), name))?.target;
      if (target !== undefined) remember(links, rename(target), () => []).push(rename(link));
    }
  return links;
}
