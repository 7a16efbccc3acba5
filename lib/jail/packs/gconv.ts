// Conversion between character sets: modules that iconv_open(3) opens by name.

import { parentPath } from '../../binary/path.ts';
import { cannotLoad, failureOf, lacksAll, programNamed } from './check.ts';
import type { Pack, PackHost, Part } from './pack.ts';

export const gconv: Pack = {
  name: 'gconv',
  summary: 'conversions between character sets',
  when: { imports: ['iconv_open'], executables: /^iconv$/ },
  parts: (host) => (isAll(host) ? [{ tree: '$LIB/gconv' }] : usual(host)),
  check: async (jail) => {
    const iconv = programNamed(jail, 'iconv');
    const failure =
      iconv && (await failureOf(jail, iconv, '-f', 'ISO-8859-1', '-t', 'UTF-16', '/etc/passwd'));
    return failure ?? lacksAll(jail, '$LIB/gconv/gconv-modules*') ?? cannotLoad(jail, '$LIB/gconv/*.so');
  },
};

function isAll(host: PackHost): boolean {
  return host.trigger === undefined || host.executables(/^iconv$/).length > 0;
}

/**
 * 160 kB out of 8 MB, of glibc's own choice: since 2.34 the file names what is most used, and another one the rest. The
 * cache names everything, and without it the file is read. UTF-8 and ASCII are part of libc.so.
 */
function usual(host: PackHost): readonly Part[] {
  return host.find('$LIB/gconv/gconv-modules').flatMap((file) => {
    const lines = (host.readText(file) ?? '').matchAll(/^module\s+\S+\s+\S+\s+(\S+)/gm);
    const modules = new Set(Array.from(lines, ([, name = '']) => name).filter((name) => USUAL.test(name)));
    const names = ['gconv-modules', ...Array.from(modules, (name) => `${name}.so`)];
    return names.map((name) => ({ path: `${parentPath(file)}/${name}` }));
  });
}

// for an older glibc, which names all in one file
const USUAL = /^(?:ISO8859-\d+|CP125\d|UTF-\d+|UNICODE|KOI8-[RU]|ANSI_X3\.110)$/;
