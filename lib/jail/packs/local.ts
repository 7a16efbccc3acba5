// Files of a program that no package owns: installed by `make install`, or as a directory below /opt.

import { type BytePath, lastComponent } from '../../tree/path.ts';
import { wordSet } from '../../words/word-list.ts';
import { hasDpkg, isDirectory } from './pack-host.ts';
import type { Pack, PackHost, Part } from './pack.ts';

// /opt/NAME, or a single directory below /usr/local: /usr/local/go/bin/go (hier(7))
const OWN =
  /^(?:\/opt\/[^/]+|\/usr\/local\/(?!(?:s?bin|lib(?:32|64|exec)?|share|etc|include|src|man|games|var)\/)[^/]+)(?=\/)/;

const LOCAL = /^\/(?:usr\/local|opt)\/(?:.*\/)?[^/]+$/;
const ANY = /^\/(?:usr|opt)\/(?:.*\/)?s?bin\/[^/]+$|^\/opt\/[^/]+\/[^/]+$/;

const PLACES = ['share', 'lib', 'lib64', 'libexec', 'etc'];
const COMPILED_IN = /(?<![\w./-])(?:\/usr(?:\/local)?\/(?:share|lib|lib64|libexec|etc)|\/etc)\/[\w.+-]+/g;

// Documentation, and directories that many programs share.
const SHARED = wordSet(`
  man doc info locale icons applications fonts mime zoneinfo terminfo pkgconfig cmake aclocal misc include X11
  ssl pki pam.d security systemd xdg default skel sysconfig ca-certificates
`);
// Directories of interpreters, which have packs of their own, and of one architecture.
const OF_OTHERS =
  /^(?:[a-z0-9_]+-(?:[a-z]+-)?linux-[a-z0-9]+|(?:python|perl|ruby|node_modules|lua|php|tcl|tk|guile|gcc|ld|bash|sh)[\w.-]*)$/;

const EXCEPT = /\/(?:\.git|src\.zip|(?:share\/)?(?:man|doc|info)|include|pkgconfig|__pycache__)$|\.(?:a|la)$/;

export const local: Pack = {
  name: 'local',
  summary: 'files of a program that no package owns',
  when: { paths: ANY },
  parts: (host) => {
    const wanted = hasDpkg(host) ? LOCAL : ANY;
    return host
      .executables(/./)
      .filter((path) => wanted.test(path))
      .flatMap((by) => directoriesOf(host, by).map((tree): Part => ({ tree, except: EXCEPT, by })));
  },
};

/** The program's own directory; or directories below its prefix with its name, or whose path it contains. */
function directoriesOf(host: PackHost, path: BytePath): readonly BytePath[] {
  const own = OWN.exec(path)?.[0];
  if (own !== undefined) return [own as BytePath];
  const prefix = path.startsWith('/usr/local/') ? '/usr/local' : '/usr';
  const name = lastComponent(path);
  const places = ['/etc', ...PLACES.map((place) => `${prefix}/${place}`)];
  const named = places.flatMap((place) => [name, `${name}-*`].flatMap((end) => host.find(`${place}/${end}`)));
  const texts = host
    .texts(path, COMPILED_IN)
    .filter((text) => text.startsWith(`${prefix}/`) || prefix === '/usr');
  return [...new Set([...named, ...texts])].filter((at) => {
    const last = lastComponent(at);
    return !SHARED.has(last) && !OF_OTHERS.test(last) && isDirectory(host, at);
  });
}
