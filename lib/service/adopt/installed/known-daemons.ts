// Known daemons that start as root and then change to another user: the user that they can start as at once, or the capabilities that they
// use as root; and which of their command lines only test a configuration. Pure.

import type { ExecLine, InstalledService } from './installed-service.ts';

export interface KnownDaemon {
  /** The account that the daemon can start as. Without one, it starts as root of its jail. */
  readonly user?: string;
  /** Capabilities that it uses, as root or as `user`. */
  readonly caps: readonly string[];
  /** Accounts that its configuration names. */
  readonly accounts?: readonly string[];
  /** Programs that it has beside the one of ExecStart=, if they are installed. */
  readonly programs?: readonly string[];
  /** Debian packages with files that it opens, but whose names are in no program. */
  readonly packages?: (instance: string) => readonly string[];
  /** Further paths of its data and its configuration. It only reads those in /etc and /var/www. */
  readonly paths?: readonly string[];
  /** The directories that its configuration has it serve, each as the first group. */
  readonly served?: RegExp;
  /** The files and directories that a text of its configuration includes; of a directory, the files whose names end so. */
  readonly included?: (text: string) => readonly (readonly [path: string, ending: string])[];
  /** Why it must stay on the host. */
  readonly hostWork?: string;
  /** A test of its configuration, if the unit has none. */
  readonly check?: readonly string[];
}

const asRoot = ['net_bind_service', 'setuid', 'setgid', 'chown', 'dac_override', 'fowner', 'kill'];

// The key and certificate of the package ssl-cert, which Debian's configuration of these daemons names.
const hostKey = ['/etc/ssl/certs/ssl-cert-snakeoil.pem', '/etc/ssl/private/ssl-cert-snakeoil.key'];

// By the last component of the program.
const daemons: Readonly<Record<string, KnownDaemon>> = {
  nginx: {
    caps: asRoot,
    accounts: ['www-data'],
    check: ['/usr/sbin/nginx', '-t', '-q'],
  },
  apachectl: {
    caps: asRoot,
    accounts: ['www-data'],
    programs: ['/usr/sbin/apache2'],
    check: ['/usr/sbin/apachectl', 'configtest'],
  },
  // each module of its configuration has a root directory of its own, and is read as `nobody` (rsyncd.conf(5), `use chroot` and `uid`)
  rsync: {
    caps: [...asRoot, 'sys_chroot'],
    accounts: ['nobody'],
    served: /^[ \t]*path[ \t]*=[ \t]*(\/[^\s%]*?)\/*[ \t]*$/gim,
    included: (text) =>
      Array.from(
        text.matchAll(/^[ \t]*&(include|merge)[ \t=]+(\/[^\s%]*?)\/*[ \t]*$/gim),
        ([, verb = '', path = '']) => [path, verb.toLowerCase() === 'merge' ? '.inc' : '.conf'],
      ),
  },
  // its configuration has `chroot`
  haproxy: { caps: [...asRoot, 'sys_chroot'] },
  named: {
    user: 'bind',
    caps: ['net_bind_service'],
    programs: ['/usr/bin/named-checkconf'],
    // zones that it writes itself, by the README of Debian's package
    paths: ['/var/lib/bind'],
    check: ['/usr/bin/named-checkconf'],
  },
  // a script that works for root only
  'systemd-memcached-wrapper': {
    caps: ['setuid', 'setgid'],
    accounts: ['memcache'],
    programs: ['/usr/bin/memcached'],
  },
  // its configuration runs these scripts
  lighttpd: {
    caps: asRoot,
    accounts: ['www-data'],
    programs: ['use-ipv6.pl', 'create-mime.conf.pl', 'include-conf-enabled.pl'].map(
      (name) => `/usr/share/lighttpd/${name}`,
    ),
  },
  // most of its daemons have `chroot` in master.cf, and local(8) delivers to all accounts of the host
  postfix: {
    caps: [...asRoot, 'dac_read_search', 'sys_chroot'],
    accounts: ['postfix'],
    packages: () => ['postfix'],
    paths: [
      '/etc/aliases',
      '/etc/aliases.db',
      '/etc/group',
      '/etc/mailname',
      '/etc/passwd',
      '/etc/ssl/certs/ca-certificates.crt',
      ...hostKey,
      // postfix-script looks whether systemd runs
      '/run/systemd/system',
      '/var/lib/postfix',
      '/var/mail',
      '/var/spool/postfix',
    ],
    // its ExecStartPre= has all privileges, and stays on the host
    check: ['/usr/sbin/postfix', 'check'],
  },
  unbound: { caps: asRoot, check: ['/usr/sbin/unbound-checkconf'] },
  // --secure is chroot(2)
  'in.tftpd': { caps: [...asRoot, 'sys_chroot'] },
  exim4: { caps: [], hostWork: 'it delivers mail as the users of the host' },
  smbd: { caps: [], hostWork: 'it serves the files of the users of the host as these users' },
  'fail2ban-server': { caps: [], hostWork: 'it reads the logs of all services and changes the firewall' },
  rsyslogd: { caps: [], hostWork: 'it writes the logs of the whole host' },
  mosquitto: { user: 'mosquitto', caps: [] },
  // an instance is called VERSION-CLUSTER
  pg_ctlcluster: {
    user: 'postgres',
    caps: [],
    packages: (instance) => ['postgresql-common', `postgresql-${instance.split('-')[0] ?? ''}`],
    paths: ['/etc/postgresql', '/var/lib/postgresql', ...hostKey],
  },
};

/** The facts about a daemon. An unknown daemon starts as root, with the capabilities that most daemons use. */
export function knownDaemon(program: string): KnownDaemon {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return (Object.hasOwn(daemons, name) ? daemons[name] : undefined) ?? { caps: asRoot };
}

/** The facts about the daemon of ExecStart=. */
export const knownOf = ({ lines }: Pick<InstalledService, 'lines'>): KnownDaemon =>
  knownDaemon(lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '');

/** Whether its capabilities are known, and not only those that most daemons use. */
export const isKnown = (service: Pick<InstalledService, 'lines'>): boolean =>
  knownOf(service).caps !== asRoot;

// An interpreter runs anything: its line can change data too.
const interpreters =
  /\/(sh|bash|dash|busybox|env|perl|python[0-9.]*|ruby[0-9.]*|php[0-9.]*|node|nodejs|java)$/;

// A word that names a test, as a subcommand or an option: `configtest`, `--check`, `--verify-config`.
const testWord =
  /^-{0,2}(?:check|validate|(?:check|test|verify|validate)[-.]?conf(?:ig)?|(?:conf(?:ig)?|syntax)[-.]?(?:check|test))$|^--?test$|^--syntax-only$/;

// Options and words that mean a test to these programs, and something else to others.
const testWordsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['bird', ['-p']],
  ['exim4', ['-bV']],
  ['freeradius', ['-C', '-Cx', '-CX']],
  ['haproxy', ['-c']],
  ['nagios4', ['-v']],
  ['rsyslogd', ['-N1']],
  ['squid', ['parse']],
  ['suricata', ['-T']],
]);

// It can be a subcommand, such as `migrate`. A path, a number or an address cannot.
const isPlainWord = (word: string): boolean => /^[A-Za-z][\w-]*$/.test(word);

// To some programs, `-t` with a value is something else: threads, or a time.
const isSwitch = (word: string, next = '-'): boolean => /^-tt?$/.test(word) && next.startsWith('-');

/**
 * Whether a line of a unit only tests the configuration of its daemon, so that it may run beside the service. This is known by a word
 * that names a test. A line with a further word that may name an action does not count, nor does one whose failure systemd ignores.
 *
 * @param argv the words of the line with their variables replaced
 */
export function isConfigurationTest(
  { kind, program, flags }: Pick<ExecLine, 'kind' | 'program' | 'flags'>,
  [, ...words]: readonly string[],
): boolean {
  if (kind !== 'ExecStartPre' && kind !== 'ExecReload') return false;
  if (flags.includes('ignore-failure') || interpreters.test(program)) return false;
  const known = testWordsOf.get(program.slice(program.lastIndexOf('/') + 1)) ?? [];
  if (words.some((word) => known.includes(word))) return true;
  return (
    words.some((word, index) => testWord.test(word) || isSwitch(word, words[index + 1])) &&
    words.every((word) => testWord.test(word) || !isPlainWord(word))
  );
}
