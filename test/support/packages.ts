// The dpkg database of a machine that tests boot: only packages whose files come into jails, and those that they need. The builder
// and the adoption read all lists of files, which is a third of the computing of a command here: hundreds of packages are
// installed for other tests.
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const named = [
  'adduser base-files base-passwd bash bsdutils ca-certificates coreutils curl dash dbus debconf diffutils',
  'findutils fontconfig-config fonts-dejavu-core gawk git grep gzip haproxy hostname init-system-helpers',
  'iproute2 libc-bin libc6 libpam-modules libpam-systemd locales logrotate lsb-base mawk media-types memcached',
  'ncurses-base ncurses-bin netbase nginx openssh-sftp-server openssl passwd perl-base privoxy procps python3',
  'redis-server sed socat ssl-cert stunnel4 sudo systemd systemd-container sysvinit-utils tar tcpd tinyproxy',
  'tzdata util-linux vim-tiny',
].flatMap((line) => line.split(' '));

const fieldOf = (stanza: string, name: string): readonly string[] =>
  (new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '')
    .split(/[,|]/)
    .map((each) => each.trim().replace(/[ :(].*$/, ''))
    .filter((name) => name !== '');

/** The stanzas of the packages that tests name, with all that these depend on. */
function choose(stanzas: readonly string[]): readonly string[] {
  const byName = new Map<string, string[]>();
  for (const stanza of stanzas)
    for (const name of [...fieldOf(stanza, 'Package'), ...fieldOf(stanza, 'Provides')])
      byName.set(name, [...(byName.get(name) ?? []), stanza]);
  const chosen = new Set<string>();
  const add = (name: string): void => {
    for (const stanza of byName.get(name) ?? []) {
      if (chosen.has(stanza)) continue;
      chosen.add(stanza);
      for (const field of ['Depends', 'Pre-Depends']) fieldOf(stanza, field).forEach(add);
    }
  };
  named.forEach(add);
  return stanzas.filter((stanza) => chosen.has(stanza));
}

/** Makes such a database in a new directory, from that of a system. */
export function makePackages(system: string, directory: string): void {
  const from = `${system}/var/lib/dpkg`;
  // one character a byte
  const stanzas = choose(readFileSync(`${from}/status`, 'latin1').trimEnd().split('\n\n'));
  const names = new Set(stanzas.flatMap((stanza) => fieldOf(stanza, 'Package')));
  mkdirSync(`${directory}/info`, { recursive: true });
  writeFileSync(`${directory}/status`, `${stanzas.join('\n\n')}\n\n`, 'latin1');
  for (const name of readdirSync(`${from}/info`)) {
    const [, owner = '', type = ''] = /^(.*?)(?::\w+)?\.(\w+)$/.exec(name) ?? [];
    // those of names that its users and this package read
    const isRead = ['list', 'md5sums', 'conffiles', 'preinst', 'postinst', 'prerm', 'postrm'].includes(type);
    if (name === 'format' || (isRead && names.has(owner)))
      copyFileSync(`${from}/info/${name}`, `${directory}/info/${name}`);
  }
  for (const name of ['alternatives', 'diversions', 'statoverride', 'triggers', 'updates'])
    cpSync(`${from}/${name}`, `${directory}/${name}`, { recursive: true });
}
