// Lua: modules that are installed for it.

import { attempt } from './check.ts';
import { compiledIn, ifAsked } from './compiled.ts';
import type { Pack } from './pack.ts';

const INTERPRETER = /^lua(?:jit)?[\d.-]*$/;
const WHEN = { executables: INTERPRETER, libraries: /^liblua(?:jit)?-?\d[\w.-]*\.so/ };

export const lua: Pack = {
  name: 'lua',
  summary: 'modules of Lua',
  when: WHEN,
  parts: (host) => [
    ...ifAsked(host, 'lua'),
    ...compiledIn(host, WHEN, DIRECTORIES).map((tree) => ({ tree })),
  ],
  check: (jail) =>
    attempt(jail, {
      program: INTERPRETER,
      args: ['-e', 'assert(string.rep("a", 3) == "aaa")'],
      files: ['/usr/share/lua/*', '/usr/local/share/lua/*', '$LIB/lua/*'],
    }),
};

// package.path and package.cpath: /usr/share/lua/5.4/?.lua
const DIRECTORIES = /(?<![\w./-])\/[\w./-]+(?=\/\?\.(?:lua|so))/g;
