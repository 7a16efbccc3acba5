// Fonts, for programs that draw text.

import { lacksAll } from './check.ts';
import type { Pack, PackHost } from './pack.ts';

// One family is enough to draw any text, and all of them may be gigabytes. In the order in which fontconfig prefers them
// (60-latin.conf).
const FAMILIES = [
  'DejaVu*',
  'Liberation*',
  'NotoSans-Regular.*',
  'NotoSans*-Regular.*',
  'FreeSans*',
  'Nimbus*',
];

// ImageMagick and other heirs of PostScript draw with Helvetica if no font is named; this is the one that stands in for it.
const HELVETICA = ['*/*', '*'].map((place) => `/usr/share/fonts/${place}/NimbusSans-Regular.*`);

export const fontconfig: Pack = {
  name: 'fontconfig',
  summary: 'the configuration of fontconfig, and a font',
  when: { libraries: /^libfontconfig\.so/ },
  parts: (host) => [
    { tree: '/etc/fonts' },
    { tree: '/usr/share/fontconfig' },
    ...fonts(host).map((path) => ({ path })),
    ...HELVETICA.map((path) => ({ path })),
  ],
  check: (jail) => lacksAll(jail, '/etc/fonts/*', '/usr/share/fontconfig/*', '/usr/share/fonts/*'),
};

// By format and family on Debian, by family on Fedora, by format on Arch.
function fonts({ find }: PackHost): readonly string[] {
  for (const family of FAMILIES) {
    const found = ['*/*', '*'].flatMap((place) => find(`/usr/share/fonts/${place}/${family}`));
    if (found.length > 0) return found;
  }
  return [];
}
