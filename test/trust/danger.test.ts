// The paths of a host that must not come into a jail.
import t from 'tap';

import { dangerOf } from '../../lib/trust/danger.ts';
import { words } from '../../lib/words/word-list.ts';

type IsThere = (path: string) => boolean;

const everything: IsThere = () => true;
const nothing: IsThere = () => false;
const barred = (path: string, isReadOnly: boolean, isThere = everything): boolean =>
  dangerOf({ path, isReadOnly }, isThere) !== undefined;

t.test('a socket of a manager, a bus, a session or a container engine is barred read-only too', async (t) => {
  const paths = words(`
    /run/systemd /run/systemd/private /run/systemd/journal /run/systemd/io.systemd.Login /run/dbus
    /run/dbus/system_bus_socket /run/user /run/user/1000/bus /run/initctl /run/docker.sock
    /run/containerd/containerd.sock /run/podman/podman.sock /run/crio/crio.sock /var/lib/lxd/unix.socket
    /run/libvirt/libvirt-sock /run/snapd.socket /tmp/.X11-unix/X0 /var/lib/systemd
    /var/lib/systemd/credential.secret /run/credentials /run/udev/control /dev /dev/pts /dev/tty1 /dev/mem
    /dev/mapper/root /proc /proc/1/root /proc/self /
  `);
  for (const path of paths) for (const isReadOnly of [false, true]) t.ok(barred(path, isReadOnly), path);
});

t.test('a directory above one is barred, if the host has that', async (t) => {
  for (const path of ['/run', '/var', '/var/lib', '/tmp']) {
    t.ok(barred(path, true), path);
    t.notOk(barred(path, true, nothing), path);
  }
  t.match(
    dangerOf({ path: '/run', isReadOnly: true }, (path) => path === '/run/podman'),
    {
      path: '/run/podman',
      how: 'has /run/podman in it: that leads to a container engine, which starts programs as root of the host',
      isForReading: false,
    },
  );
  t.notOk(
    barred('/var/lib', true, (path) => path === '/var/lib/dpkg'),
    'it does no harm if it is only read',
  );
  t.ok(barred('/var/lib', false, (path) => path === '/var/lib/dpkg'));
});

t.test('files that decide what root starts may be read and not be written', async (t) => {
  const paths = words(`
    /etc /etc/cron.d /usr /usr/local/bin /bin /lib64 /boot /root /sys /sys/fs/cgroup /var/spool/cron
    /var/spool/cron/crontabs /var/spool/at /var/lib/dpkg/info /run/tmpfiles.d /var/lib/uchroot /var/lib/docker
    /var/log/journal /var/lib/private /var/cache/private /run/systemd/system
    /run/systemd/resolve/stub-resolv.conf /run/udev/data /proc/sys /proc/meminfo
  `);
  for (const path of paths) {
    t.notOk(barred(path, true), path);
    t.match(dangerOf({ path, isReadOnly: false }, everything), {
      how: /, and the program could write there$/,
      isForReading: true,
      instead: 'let the program only read it',
    });
  }
});

t.test('a socket by which a service speaks for itself, a harmless device, and data do no harm', async (t) => {
  const paths = words(`
    /run/systemd/notify /run/systemd/journal/dev-log /run/systemd/journal/socket /run/systemd/journal/stdout
    /run/credentials/web.service /run/web /run/mysqld/mysqld.sock /dev/shm /dev/null /dev/dri /dev/dri/card0
    /dev/fuse /dev/tty /dev/ttyS0 /dev/log /srv /srv/site /opt /home/sam/data /var/lib/web /var/lib/private/web
    /var/log/web /var/spool/web /runner /etcetera /usrdata /process /tmp/data
  `);
  for (const path of paths) for (const isReadOnly of [false, true]) t.notOk(barred(path, isReadOnly), path);
});

t.test('a link of the list is barred, wherever it leads', async (t) => {
  const engine = { path: '/home/sam/engine.sock', links: ['/run/docker.sock'], isReadOnly: true };
  t.match(dangerOf(engine, nothing), { how: /container engine/ });
  const run = { path: '/srv/data', links: ['/var/run', '/etc/alternatives/data'], isReadOnly: false };
  t.equal(dangerOf(run, nothing), undefined, 'a link in /etc leads to data');
});

t.test('a disk is barred under any name', async (t) => {
  t.match(dangerOf({ path: '/srv/image', isReadOnly: true, isDisk: true }, nothing), {
    how: 'is a disk of the host',
  });
});
