// Packs for displaying text: terminal descriptions and fonts.

import { words } from '../../words/word-list.ts';
import type { Pack, PackHost } from './pack.ts';

// The usual terminals, and those of Debian's ncurses-base: a few hundred bytes each, while all descriptions take 8 MB.
const TERMINALS = words(`
  ansi cons25 cygwin dumb linux mach mach-color pcansi sun vt52 vt100 vt102 vt220 wsvt25 xterm xterm-mono
  xterm-color xterm-256color xterm-direct xterm-r6 xterm-vt220 xterm-kitty xterm-ghostty rxvt rxvt-basic
  rxvt-unicode rxvt-unicode-256color rxvt-256color Eterm Eterm-color screen screen-bce screen-s screen-w
  screen-256color screen-256color-bce screen.xterm-256color tmux tmux-256color alacritty foot foot-extra kitty
  konsole konsole-256color gnome gnome-256color vte vte-256color st st-256color putty putty-256color wezterm
`);

const DIRECTORIES = ['/lib/terminfo', '/usr/lib/terminfo', '/usr/share/terminfo'];

export const terminfo: Pack = {
  name: 'terminfo',
  summary: 'descriptions of the usual terminals',
  when: {
    libraries: /^lib(?:n?cursesw?|tinfow?|termcap|slang|unibilium)\.so/,
    // for the modules readline and curses, which python loads at run time
    packs: /^python$/,
    texts: ['/usr/share/terminfo\0'],
  },
  parts: [
    { path: '/etc/inputrc' }, // keys that differ between terminals (readline(3))
    { tree: '/etc/terminfo', except: /\/README$/ },
    ...DIRECTORIES.flatMap((directory) =>
      TERMINALS.map((name) => ({ path: `${directory}/${name.slice(0, 1)}/${name}` })),
    ),
  ],
};

// One family is enough; all fonts can take gigabytes. In fontconfig's order of preference (60-latin.conf).
const FAMILIES = 'DejaVu* Liberation* NotoSans-Regular.* NotoSans*-Regular.* FreeSans* Nimbus*'.split(' ');

// The replacement for Helvetica, the default font of ImageMagick and other PostScript programs.
const HELVETICA = ['*/*', '*'].map((place) => `/usr/share/fonts/${place}/NimbusSans-Regular.*`);

export const fontconfig: Pack = {
  name: 'fontconfig',
  summary: 'the configuration of fontconfig, and a font',
  when: { libraries: /^libfontconfig\.so/ },
  parts: (host) => [
    { tree: '/etc/fonts' },
    { tree: '/usr/share/fontconfig' },
    ...[...fonts(host), ...HELVETICA].map((path) => ({ path })),
  ],
};

// Directories are named by format and family on Debian, by family on Fedora, by format on Arch.
function fonts({ find }: PackHost): readonly string[] {
  for (const family of FAMILIES) {
    const found = ['*/*', '*'].flatMap((place) => find(`/usr/share/fonts/${place}/${family}`));
    if (found.length > 0) return found;
  }
  return [];
}
