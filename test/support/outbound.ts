// A network of servers behind that of a service, for tests of programs that call out. Both are made for one test.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { inChild } from './child.ts';
import { packageDirectory, temporaryDirectory } from './launch.ts';

/** The names of the servers, by what is said of them in /etc/hosts of the service. */
const hosts = `
127.0.0.1 localhost loop.test
9.9.8.2 web.test deep.zone.test
9.9.8.3 other.test
2a00:1111::2 six.test
10.1.2.3 private.test db.internal
169.254.169.254 meta.test
::ffff:10.1.2.3 mapped.test
9.9.8.1 self.test
9.9.7.1 unplugged.test
`;

// v0 is the service's end, v1 that of the servers; w0 has no carrier.
const setUp = `
set -e
mount --bind "$1/hosts" /etc/hosts
ip link set lo up
rm -f "$1/ready"
unshare -n "$2" "$3" "$1" >&2 & servers=$!
trap 'kill $servers' EXIT
while [ "$(readlink /proc/$servers/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add v0 type veth peer name v1 netns $servers
ip address add 9.9.8.1/24 dev v0
ip address add 2a00:1111::1/64 dev v0 nodad
ip link set v0 up
ip link add w0 type veth peer name w1
ip address add 9.9.7.1/24 dev w0
ip link set w0 up
inside() { nsenter -t $servers -n ip "$@"; }
inside link set lo up
for address in 9.9.8.2/24 9.9.8.3/24 10.1.2.3/24 169.254.169.254/32; do inside address add $address dev v1; done
inside address add 2a00:1111::2/64 dev v1 nodad
inside link set v1 up
ip route add 10.1.2.0/24 via 9.9.8.2
ip route add 169.254.169.254 via 9.9.8.2
while [ ! -e "$1/ready" ]; do sleep 0.01; done
shift 3
"$@"
`;

/** A directory with what the servers have, and a jail that has the programs of the host. */
export interface World {
  readonly directory: string;
  readonly jail: string;
  /**
   * Runs the lines of a module in the service's network; see inChild().
   *
   * @param uid of an ordinary user; root by default
   * @param more words before it
   */
  readonly run: (lines: string, uid?: number, more?: readonly string[]) => unknown;
  /** The words that run a program there. */
  readonly by: readonly string[];
}

function makeJail(jail: string): void {
  for (const name of ['usr', 'tmp', 'run', 'proc', 'dev', 'etc'])
    mkdirSync(`${jail}/${name}`, { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, `${jail}/${name}`);
  writeFileSync(`${jail}/etc/resolv.conf`, 'nameserver 9.9.8.2\n');
  // ssh(1) asks for its user
  writeFileSync(`${jail}/etc/passwd`, 'nobody:x:65534:65534::/tmp:/bin/sh\n');
  writeFileSync(`${jail}/etc/nsswitch.conf`, 'hosts: files dns\n');
}

export function makeWorld(): World {
  const directory = temporaryDirectory();
  const jail = `${directory}/jail`;
  chmodSync(directory, 0o755);
  makeJail(jail);
  writeFileSync(`${directory}/hosts`, hosts);
  const sh = (script: string) => spawnSync('sh', ['-ec', script], { cwd: directory, encoding: 'utf8' });
  const made = sh(`
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=web.test
    git init -q --bare repo.git && git -C repo.git update-server-info
  `);
  if (made.status !== 0) throw new Error(made.stderr);
  // python3-requests reads it even if it checks nothing
  mkdirSync(`${jail}/etc/ssl/certs`, { recursive: true });
  copyFileSync(`${directory}/cert.pem`, `${jail}/etc/ssl/certs/ca-certificates.crt`);
  const servers = `${packageDirectory}/dist/test/support/fixture/outbound-servers.js`;
  const by = ['unshare', '-n', '-m', 'sh', '-c', setUp, 'world', directory, process.execPath, servers];
  const run: World['run'] = (lines, uid, more = []) => {
    const user = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    return inChild(lines, [...by, ...user, ...more]);
  };
  return { directory, jail, run, by };
}
