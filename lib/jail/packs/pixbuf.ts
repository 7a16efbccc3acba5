// Loaders of gdk-pixbuf: one for each format of images that is not built in.

import { cannotLoad, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const pixbuf: Pack = {
  name: 'pixbuf',
  summary: 'loaders of gdk-pixbuf for formats of images',
  when: { libraries: /^libgdk_pixbuf-2\.0\.so/ },
  parts: [{ tree: '$LIB/gdk-pixbuf-2.0', except: /\/gdk-pixbuf-[^/]*$/ }], // its own programs
  check: (jail) =>
    lacksAll(jail, '$LIB/gdk-pixbuf-2.0') ?? cannotLoad(jail, '$LIB/gdk-pixbuf-2.0/*/loaders/*.so'),
};
