// Known daemons that start as root and then change to another user: the user that they can start as at once, or the capabilities that they
// use as root. Pure.

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
  /** A test of its configuration, if the unit has none. */
  readonly check?: readonly string[];
}

const asRoot = ['net_bind_service', 'setuid', 'setgid', 'chown', 'dac_override', 'kill'];

// The key and certificate of the package ssl-cert, which Debian's configuration of these daemons names.
const hostKey = ['/etc/ssl/certs/ssl-cert-snakeoil.pem', '/etc/ssl/private/ssl-cert-snakeoil.key'];

// By the last component of the program.
const daemons: Readonly<Record<string, KnownDaemon>> = {
  nginx: {
    caps: asRoot,
    accounts: ['www-data'],
    paths: ['/var/www'],
    check: ['/usr/sbin/nginx', '-t', '-q'],
  },
  apachectl: {
    caps: asRoot,
    accounts: ['www-data'],
    paths: ['/var/www'],
    programs: ['/usr/sbin/apache2'],
    check: ['/usr/sbin/apachectl', 'configtest'],
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
  // a script that refuses to work for others than root
  'systemd-memcached-wrapper': {
    caps: ['setuid', 'setgid'],
    accounts: ['memcache'],
    programs: ['/usr/bin/memcached'],
  },
  // its configuration runs these scripts
  lighttpd: {
    caps: asRoot,
    accounts: ['www-data'],
    paths: ['/var/www'],
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
