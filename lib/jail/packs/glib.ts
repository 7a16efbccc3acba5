// What GIO opens: modules, compiled settings, and the database of kinds of files.

import { cannotLoad, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

const SCHEMAS = '/usr/share/glib-2.0/schemas/gschemas.compiled';

export const glib: Pack = {
  name: 'glib',
  summary: 'modules of GIO, compiled settings and kinds of files',
  when: { libraries: /^libgio-2\.0\.so/ },
  parts: [
    { tree: '$LIB/gio/modules' },
    // a program whose settings are not described aborts (g_settings_new)
    { path: SCHEMAS },
    // the cache, not the thousands of descriptions that it is made of (update-mime-database(1))
    ...['mime.cache', 'globs2', 'magic', 'aliases', 'subclasses'].map((name) => ({
      path: `/usr/share/mime/${name}`,
    })),
  ],
  check: (jail) =>
    lacksAll(jail, '$LIB/gio/modules', SCHEMAS, '/usr/share/mime/*') ??
    cannotLoad(jail, '$LIB/gio/modules/*.so'),
};
