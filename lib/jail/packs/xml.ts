// The pack of XML catalogs: they lead from the address of a schema or stylesheet to a file of the host.

import { bytePath, type BytePath, joinPath, parentPath } from '../../tree/path.ts';
import { isExecutable } from '../../tree/walk.ts';
import { words } from '../../words/word-list.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { allIn } from './pack-host.ts';
import { filesBelow } from './script-modules.ts';

// compiled into libxml2 (xmlcatalog(1))
const CATALOG = '/etc/xml/catalog';
const MOST_CATALOGS = 1000;

// delegateSystem, delegatePublic, delegateURI and nextCatalog (OASIS XML Catalogs 1.1)
const NEXT = /<(?:delegate\w+|nextCatalog)\s[^>]*\bcatalog\s*=\s*["'](?:file:\/\/)?([^"'\n]+)["']/g;

/** The catalog, and all catalogs that it leads to. */
function catalogsOf({ readText }: PackHost): readonly BytePath[] {
  const found = new Set<BytePath>();
  const queue = [bytePath(CATALOG)];
  for (let at = queue.pop(); at !== undefined && found.size < MOST_CATALOGS; at = queue.pop()) {
    const text = found.has(at) ? undefined : readText(at);
    if (text === undefined) continue;
    found.add(at);
    // other addresses, such as http://…, are no files
    const next = allIn(text, NEXT).filter((name) => !/^\w+:|\0/.test(name));
    for (const name of next) queue.push(joinPath(parentPath(at), name as BytePath));
  }
  return [...found];
}

// A catalog in a directory of its own lists the files beside it, which name others there.
const OF_SCHEMA = /^\/(?:usr(?:\/local)?\/share|opt)\/[^/]+\/[^/]+\//;
const NOT_READ = String.raw`/(?:docs?|contrib|examples?|tools)$`;

function partOf({ root, readText }: PackHost, catalog: BytePath): Part {
  if (!OF_SCHEMA.test(catalog)) return { path: catalog };
  const tree = parentPath(catalog);
  // scripts for authors would bring their interpreters
  const isProgram = (path: BytePath) => isExecutable(root, path) && readText(path)?.startsWith('#!') === true;
  const programs = filesBelow(root, tree, /(?:)/, /^$/).filter(isProgram);
  const exactly = programs.map((path) => `^${path.replaceAll(/\W/g, String.raw`\$&`)}$`);
  return { tree, except: new RegExp([NOT_READ, ...exactly].join('|')) };
}

export const xml: Pack = {
  name: 'xml',
  summary: 'XML catalogs, and the schemas and stylesheets that they lead to',
  when: {
    // not every program with libxml2: few ask for schemas by address
    ownImports: words(
      'xmlLoadCatalogs xmlLoadCatalog xmlInitializeCatalog xmlCatalogResolve xmlCatalogResolveURI',
    ),
  },
  parts: (host) => catalogsOf(host).map((path) => partOf(host, path)),
};
