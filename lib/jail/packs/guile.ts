// Guile: its modules, as source and compiled.

import { attempt } from './check.ts';
import { compiledIn, ifAsked } from './compiled.ts';
import type { Pack } from './pack.ts';

const WHEN = { executables: /^guile(?:-?\d[\d.]*)?$/, libraries: /^libguile-\d/ };

// %load-path, %load-compiled-path, and what (load-extension) opens
const DIRECTORIES = /(?<![\w./-])\/[\w./-]*\/guile\/\d+\.\d+(?:\/ccache|\/extensions)?(?![\w./-])/g;

export const guile: Pack = {
  name: 'guile',
  summary: "Guile's modules",
  when: WHEN,
  parts: (host) => [
    ...ifAsked(host, 'guile'),
    ...compiledIn(host, WHEN, DIRECTORIES).map((tree) => ({ tree })),
  ],
  check: (jail) =>
    attempt(jail, {
      program: WHEN.executables,
      args: ['-c', '(use-modules (ice-9 regex))'],
      files: ['/usr/share/guile/*/ice-9/boot-9.scm', '/usr/local/share/guile/*/ice-9/boot-9.scm'],
    }),
};
