// The paths of a host that every program may see: what a jail by reference mounts. The list stands here and not in the jail, where a
// program could change it. Pure.
import { words } from '../words/word-list.ts';

/** Something that everybody may know of a host, and that programs need. */
interface Reference {
  readonly path: string;
  /** Why it is there: a noun. */
  readonly why: string;
  /** If the host does not have it yet. */
  readonly isDirectory: boolean;
}

// A directory ends in a slash.
const table: Readonly<Record<string, string>> = {
  'programs and libraries': '/usr/ /bin/ /sbin/ /lib/ /lib32/ /lib64/ /libx32/',
  'the loader': '/etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d/',
  'the program of several that has a name': '/etc/alternatives/',
  'CA certificates, and settings of TLS': `/etc/ssl/certs/ /etc/ssl/cert.pem /etc/ssl/ca-bundle.pem /etc/ssl/openssl.cnf /etc/ca-certificates/
    /etc/pki/ca-trust/ /etc/pki/tls/certs/ /etc/pki/tls/cert.pem /etc/pki/tls/openssl.cnf /etc/crypto-policies/`,
  'the time zone': '/etc/localtime /etc/timezone',
  'how names are looked up': '/etc/nsswitch.conf /etc/host.conf /etc/gai.conf',
  'names of hosts, where the program has the network of the host': '/etc/hosts /etc/resolv.conf',
  'names of protocols, services and types': '/etc/protocols /etc/services /etc/mime.types',
  'terminals, languages and fonts': `/etc/terminfo/ /etc/inputrc /etc/locale.alias /etc/fonts/`,
  'the name of the system': '/etc/os-release',
  'settings of interpreters, which everybody may read': '/etc/perl/ /etc/R/ /etc/texmf/',
};

/** What a jail by reference may have of the host. */
export const references: readonly Reference[] = Object.entries(table).flatMap(([why, text]) =>
  words(text).map((word) => ({
    path: word.replace(/\/$/, ''),
    why,
    isDirectory: word.endsWith('/'),
  })),
);

/** Directories of /etc with the version of an interpreter in their names. */
export const versioned = /^(?:java-[\w.-]+|python\d[\d.]*|ImageMagick-\d+)$/;
export const versionedWhy = 'settings of interpreters, which everybody may read';

/** What names hosts, and so is the business of whoever has the network. */
export const ofNetwork: ReadonlySet<string> = new Set(['/etc/hosts', '/etc/resolv.conf']);
// Who has written resolv.conf: systemd-resolved, resolvconf, NetworkManager, the host of a WSL.
const resolvers = /^\/(?:run|mnt\/wsl)\/(?:[\w-]+\/)*[\w.-]*resolv[\w.-]*$/;
/** Data and settings of programs that the administrator has installed: a token, maybe. */
export const hidden = words('/usr/local/etc /usr/local/var');

/** Empty directories, for what a launch mounts of the host besides. */
export const emptyDirectories = words('/home /media /mnt /opt /root /srv /var');

const isIn = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(`${directory}/`);

/** Whether a program may see what a link of the list leads to. */
export function isShown(real: string, path: string): boolean {
  if (path === '/etc/resolv.conf' && resolvers.test(real)) return true;
  if (hidden.some((one) => isIn(real, one))) return false;
  return references.some((one) => isIn(real, one.path)) || versioned.test(real.replace(/^\/etc\//, ''));
}
