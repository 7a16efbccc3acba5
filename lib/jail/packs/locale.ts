// The language of the host (locale(7)).

import type { BytePath } from '../../binary/path.ts';
import { readArchive } from './archive.ts';
import { failureOf, lacksAll, programNamed } from './check.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const DIRECTORY = '/usr/lib/locale';

export const locale: Pack = {
  name: 'locale',
  summary: 'the locale that is set for the host, and C.UTF-8',
  when: {
    // An interpreter may complain about an unknown LANG, at a terminal text other than ASCII is seen, and some end, such as
    // redis-server. ls and id, which set it too, do as well with C.
    ownImports: ['setlocale'],
    packs: /^(?:terminfo|perl|python|ruby|php|tcl|lua|guile)$/,
    executables: /^(?:locale|initdb)$/,
    // std::locale(""), which throws if there is no such locale
    imports: ['_ZNSt6localeC1EPKc', '_ZNSt6localeC2EPKc'],
  },
  parts: (host) => [
    { tree: `${DIRECTORY}/C.utf8` },
    { tree: `${DIRECTORY}/C.UTF-8` },
    ...settings(host).flatMap((name) => partsOf(host, name)),
  ],
  check: async (jail) => {
    const program = programNamed(jail, 'locale');
    return lacksAll(jail, `${DIRECTORY}/*/LC_CTYPE`) ?? (program && (await failureOf(jail, program, '-a')));
  },
};

// Debian; systemd; what pam_env(8) reads; Fedora before systemd.
const FILES = ['/etc/default/locale', '/etc/locale.conf', '/etc/environment', '/etc/sysconfig/i18n'];

/** Names of locales that are set for the whole host. */
function settings(host: PackHost): readonly string[] {
  const found = FILES.flatMap((file) =>
    Array.from(
      (host.readText(file) ?? '').matchAll(/^\s*(?:export\s+)?(?:LANG|LC_[A-Z]+)=["']?([\w.@-]+)/gm),
      ([, name]) => name ?? '',
    ),
  );
  return [...new Set(found)].filter((name) => !/^(?:C|POSIX)(?:\.|$)/.test(name));
}

/** A directory of its own if the host has one, else the same files out of the archive. */
function partsOf(host: PackHost, name: string): readonly Part[] {
  // de_DE.UTF-8@euro is de_DE.utf8@euro there (_nl_normalize_codeset() of glibc)
  const normal = name.replace(/\.[^@]*/, (codeset) => codeset.toLowerCase().replace(/[^.a-z0-9]/g, ''));
  const directories = [name, normal].map((directory) => `${DIRECTORY}/${directory}`);
  const own = directories.find((directory) => host.find(`${directory}/LC_CTYPE`).length > 0);
  if (own !== undefined) return [{ tree: own }];
  const files = readArchive(host.root, `${DIRECTORY}/locale-archive` as BytePath, normal);
  return files.map((file) => ({ file: `${DIRECTORY}/${normal}/${file.name}`, content: file.data }));
}
