// Traps: root directories that somebody has prepared for the launcher, not for the program. Each has a machine and a launch of its own.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

const link = (path) => (host, jail) => {
  mkdirSync(`${host}/trap`, { mode: 0o777 });
  rmSync(`${jail}${path}`, { recursive: true, force: true });
  symlinkSync(`${host}/trap${path === '/etc/resolv.conf' ? path.slice(4) : ''}`, `${jail}${path}`);
};

// What a launcher has made on the host by way of the link.
const made = (host) => {
  const names = readdirSync(`${host}/trap`);
  return names.length > 0 ? `${names.join(' ')} was made on the host` : undefined;
};

/** `isForUser`: only for launches as an ordinary user. `plant` prepares the directory; `sprung` says what has happened on the host, or with which uid the program started. */
export const traps = [
  ...['/dev', '/proc', '/tmp', '/etc/resolv.conf'].map((path) => ({
    name: `link${path.replaceAll(/[/.]/g, '-')}`,
    what: `is started in a root directory where \`${path}\` is a link to the host`,
    source: 'CVE-2026-87766, CVE-2024-45310',
    plant: link(path),
    sprung: made,
  })),
  {
    name: 'users-of-jail',
    isForUser: true,
    what: 'is started by the name of a user who is root by the passwd of the root directory',
    source: 'chroot(1), --userspec',
    plant: (_, jail) => writeFileSync(`${jail}/etc/passwd`, 'escape:x:0:0::/:/escape\n'),
    sprung: (_host, _jail, uid) => (uid === '0' ? 'it runs as uid 0' : undefined),
  },
  {
    name: 'library-of-jail',
    isForUser: true,
    what: 'is started where nsswitch.conf names a library of the root directory, which asks for the user',
    source: 'CVE-2025-32463, CVE-2019-14271',
    plant: (_, jail, programs) => {
      writeFileSync(`${jail}/etc/nsswitch.conf`, 'passwd: escape files\ngroup: escape files\n');
      for (const directory of ['lib', 'lib64', 'usr/lib']) {
        mkdirSync(`${jail}/${directory}`, { recursive: true });
        symlinkSync('/nss', `${jail}/${directory}/libnss_escape.so.2`);
      }
      symlinkSync('.', `${jail}/lib/x86_64-linux-gnu`);
      symlinkSync('.', `${jail}/lib/aarch64-linux-gnu`);
      writeFileSync(`${jail}/nss`, readFileSync(`${programs}/nss.so`), { mode: 0o755 });
    },
    sprung: (_, jail) =>
      existsSync(`${jail}/nss-was-loaded`) && lstatSync(`${jail}/nss-was-loaded`).uid === 0
        ? 'root loaded it'
        : undefined,
  },
];
