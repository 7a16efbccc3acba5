// The Debian package that scripts/deb makes: installed, used and removed on a copy of this system.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { searchPath, temporaryDirectory } from './support/launch.ts';
import { unlessRoot } from './support/root.ts';
import { sanitized } from './support/sanitizer.ts';

const skip = sanitized ? 'the package has no sanitized binaries' : unlessRoot('dpkg-deb', 'unshare', 'man');
const root = join(import.meta.dirname, '../..');
const place = skip === false ? temporaryDirectory() : '/';
const env = { PATH: searchPath, HOME: place, npm_config_cache: `${place}/cache` };

function run(program: string, ...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, env, encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

// What is mounted, and what changes, is in a namespace of its own.
const onCopy = `
mount -t tmpfs copy "$1"
mkdir -p "$1/upper/var/cache" "$1/upper/var/lib" "$1/work" "$1/root"
# other tests work in these on the host; a device 0/0 hides what is below it (overlayfs.rst)
mknod "$1/upper/var/cache/uchroot" c 0 0
mknod "$1/upper/var/lib/uchroot" c 0 0
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" copy "$1/root"
mount --bind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount --bind "$2" "$1/root/mnt"
exec chroot "$1/root" sh -euc "$3"
`;

const script = `
cd /
# tests have directories beside
names() { find /usr /etc /var/lib /var/cache -ignore_readdir_race -xdev -name 'uchroot-test-*' -prune -o -name '*uchroot*' -print | sort; }
names >/tmp/before
dpkg -i /mnt/*.deb >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
dpkg --verify uchroot
for command in uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd; do
  $command --version | grep -c .
  [ -e /usr/share/bash-completion/completions/$command ]
done
man -w uchroot uchroot-service
rm -rf /srv/jail
uchroot-jail build /srv/jail --user nobody id >/dev/null 2>&1
uchroot nobody /srv/jail /usr/bin/id
mkdir -p /etc/systemd/system
uchroot --unit systemd nobody /srv/jail /usr/bin/id >/etc/systemd/system/jailed-id.service 2>/dev/null
dpkg -r uchroot 2>&1 | grep -a '^uchroot: \\|^hint: '
rm /etc/systemd/system/jailed-id.service
mkdir -p /var/lib/uchroot/services/nginx.service
dpkg -r uchroot 2>&1 | grep -a '^uchroot: \\|^hint: '
uchroot --version | grep -c .
rm -r /var/lib/uchroot
dpkg -P uchroot >/dev/null 2>&1
names | diff /tmp/before -
echo done
`;

t.test('the package installs, works, stays while services need it, and leaves nothing', { skip }, (t) => {
  for (const name of ['packed', 'deb', 'copy']) spawnSync('mkdir', [`${place}/${name}`]);
  t.equal(
    run('npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', `${place}/packed`).status,
    0,
  );
  const [tarball = ''] = readdirSync(`${place}/packed`);
  const made = run('scripts/deb', `${place}/packed/${tarball}`, 'amd64', `${place}/deb`);
  t.match(made.text, /uchroot_[0-9.]+_amd64\.deb\n$/);
  const { status, text } = run(
    'unshare',
    '--mount',
    'sh',
    '-euc',
    onCopy,
    'sh',
    `${place}/copy`,
    `${place}/deb`,
    script,
  );
  t.equal(status, 0, text);
  t.equal(
    text,
    `${'1\n'.repeat(5)}/usr/share/man/man8/uchroot.8.gz
/usr/share/man/man8/uchroot-service.8.gz
uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)
uchroot: error: these units start programs by uchroot: /etc/systemd/system/jailed-id.service
hint: disable each of them, and remove its file
uchroot: error: these services run in jails: nginx.service
hint: uchroot-service release NAME takes a service out of its jail
1
done
`,
  );
  t.end();
});

t.test('another architecture is refused with those that there are', { skip }, (t) => {
  const { status, text } = run('scripts/deb', '/nowhere.tgz', 's390x', place);
  t.equal(status, 1);
  t.match(text, /^deb: there are packages for .*amd64.*, and none for s390x\n$/);
  t.end();
});
