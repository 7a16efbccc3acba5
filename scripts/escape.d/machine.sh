#!/bin/sh
# Makes a machine for one launch, in namespaces that unshare(1) has made: its root directory is the host's with an overlay in memory,
# so nothing that a row does outlives it. Then it executes the words.
#   machine.sh DIRECTORY PACKAGE WORD...
set -eu
machine=$1 package=$2
shift 2
mount -t tmpfs -o mode=0755 escape "$machine"
mkdir "$machine/upper" "$machine/work" "$machine/root"
mount -t overlay -o "lowerdir=/,upperdir=$machine/upper,workdir=$machine/work" none "$machine/root"
cd "$machine/root"
mkdir -p opt/uchroot srv/escape mnt
mount --bind "$package" opt/uchroot
mount -o remount,bind,ro opt/uchroot
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=0755 dev dev
while read -r name mode kind major minor; do
  mknod -m "$mode" "dev/$name" "$kind" "$major" "$minor"
done <<'DEVICES'
null 0666 c 1 3
zero 0666 c 1 5
full 0666 c 1 7
random 0666 c 1 8
urandom 0666 c 1 9
tty 0666 c 5 0
fuse 0666 c 10 229
kmsg 0644 c 1 11
loop-control 0660 c 10 237
loop0 0660 b 7 0
loop1 0660 b 7 1
loop2 0660 b 7 2
loop3 0660 b 7 3
loop4 0660 b 7 4
loop5 0660 b 7 5
loop6 0660 b 7 6
loop7 0660 b 7 7
DEVICES
mkdir dev/pts dev/shm dev/mqueue dev/net
mknod -m 0666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t mqueue mqueue dev/mqueue
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=0755,size=256m escape srv/escape
mkdir -p mnt/host
pivot_root . mnt/host
cd /
umount -l /mnt/host
ip link set lo up
ip link add escape0 type bridge
ip address add 192.0.2.7/24 dev escape0
ip link set escape0 up
# The kernel has one name server for all machines, so this one has none.
hostname escape-host
echo 'escape:x:61474:61474::/:/bin/sh' >>/etc/passwd
echo 'escape:x:61474:' >>/etc/group
exec "$@"
