// Fonts, for programs that draw text.

import { lacksAll } from './check.ts';
import type { Pack, PackHost } from './pack.ts';

// One family with sans, serif and mono is enough to draw any text, and all of them may be gigabytes. In the order in which
// fontconfig prefers them (60-latin.conf).
const FAMILIES = ['dejavu', 'DejaVu', 'liberation', 'noto', 'freefont', 'urw-base35'];

export const fontconfig: Pack = {
  name: 'fontconfig',
  summary: 'the configuration of fontconfig, and a font',
  when: { libraries: /^libfontconfig\.so/ },
  parts: (host) => [
    { tree: '/etc/fonts' },
    { tree: '/usr/share/fontconfig' },
    ...fonts(host).map((tree) => ({ tree })),
  ],
  check: (jail) => lacksAll(jail, '/etc/fonts/fonts.conf') ?? lacksAll(jail, '/usr/share/fonts/*'),
};

// Debian keeps them by format and Fedora by family; Arch has one directory a format.
function fonts({ find }: PackHost): readonly string[] {
  for (const family of FAMILIES)
    for (const place of [`*/${family}`, `${family}*`, `*/${family}*`]) {
      const found = find(`/usr/share/fonts/${place}`);
      if (found.length > 0) return found;
    }
  return [];
}
