/* Devices of the host. */
#include "row.h"
#include <sys/mount.h>
#include <sys/sysmacros.h>

/* A device file that is made, opened and removed: the errors of mknod and open are told. */
static int open_new(const char *path, mode_t type, dev_t device, int flags) {
  need("mknod", mknod(path, type | 0600, device));
  int fd = open(path, flags), error = errno;
  unlink(path);
  errno = error;
  return (int)need("open", fd);
}

ROW("device-in-jail", "reads a disk of the host by a device file that is in the jail", "mount(8), nodev") { read_secret(AT_FDCWD, "/disk"); }
ROW("new-disk", "makes the device file of a disk, and reads the disk", "mknod(2), CAP_MKNOD") {
  read_descriptor(open_new("/tmp/new-disk", S_IFBLK, makedev(7, (unsigned)number("minor")), O_RDONLY));
}
ROW("new-memory", "makes the device file of the memory, and opens it", "mem(4)") {
  open_new("/tmp/new-memory", S_IFCHR, makedev(1, 1), O_RDONLY);
  broke("it is open");
}
ROW("new-log", "makes the device file of the kernel's log, and reads it", "kmsg of the kernel's ABI documentation") {
  int fd = open_new("/tmp/new-log", S_IFCHR, makedev(1, 11), O_RDONLY | O_NONBLOCK);
  char bytes[1024];
  need("read", read(fd, bytes, sizeof bytes));
  broke("it can be read");
}
ROW("log-device", "writes to the kernel's log", "kmsg of the kernel's ABI documentation") {
  struct stat device;
  need("fstat", fstat((int)need("open", open("/dev/kmsg", O_WRONLY)), &device));
  if (device.st_rdev != makedev(1, 11)) held("another file is in its place");
  broke("/dev/kmsg can be opened");
}
ROW("loop-devices", "makes and removes disks of files", "loop(4)") {
  need("open", open("/dev/loop-control", O_RDWR));
  broke("/dev/loop-control can be opened");
}
ROW("user-file-system", "mounts a file system that it serves itself", "fuse(4); CVE-2018-10906") {
  char options[80];
  int fd = (int)need("open", open("/dev/fuse", O_RDWR));
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
  need("mount", mount("fuse", "/home", "fuse", 0, options));
  umount2("/home", MNT_DETACH);
  broke("it is mounted");
}
ROW("mount-disk", "mounts a disk of the host", "mount(2)") {
  /* there is no file system on it: that error comes after the check of rights */
  long result = mount("/disk", "/tmp", "ext4", 0, 0);
  if (errno == ENOENT || errno == ENODEV || errno == ENOTBLK) failed("mount");
  past("mount", result);
}
ROW("processor-registers", "opens the registers of a processor", "msr(4)") {
  open_new("/tmp/new-msr", S_IFCHR, makedev(202, 0), O_RDONLY);
  broke("they are open");
}
