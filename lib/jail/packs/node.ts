// Node.js: the package around a script, and the packages that it depends on.

import type { BytePath } from '../../binary/path.ts';
import { attempt } from './check.ts';
import { filesOf, ifAsked } from './compiled.ts';
import { modulesOf } from './modules.ts';
import { openNodeModules } from './node-modules.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { scriptsOf } from './scripts.ts';

const INTERPRETER = /^(?:node|nodejs)[\d.]*$/;

const WHEN = { executables: INTERPRETER, libraries: /^libnode\.so/ };

export const node: Pack = {
  name: 'node',
  summary: 'packages of scripts, and the packages that they depend on',
  when: WHEN,
  parts: (host) => [
    ...ifAsked(host, 'node'),
    ...builtIn(host).map((path): Part => ({ path })),
    ...modulesOf(host, scriptsOf(host, INTERPRETER), openNodeModules(host)),
  ],
  check: (jail) => attempt(jail, { program: INTERPRETER, args: ['-e', TRIAL], files: ['$LIB/libnode.so.*'] }),
};

const TRIAL = `
require('node:crypto').createHash('sha256').digest();
require('node:http'); require('node:zlib'); import('node:fs').catch(() => process.exit(1)); typeof fetch;
`;

// Modules of Node itself that a distribution keeps as files: --shared-builtin-…-path of its configure.
const BUILT_IN = /\/usr\/(?:share|lib)\/(?:nodejs|node_modules)\/[\w./-]+\.(?:js|wasm)/g;

function builtIn(host: PackHost): readonly BytePath[] {
  return filesOf(host, WHEN).flatMap((file) => host.texts(file, BUILT_IN));
}
