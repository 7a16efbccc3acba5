/* Mounts and namespaces. */
#include "row.h"
#include <linux/sched.h>
#include <sys/mount.h>

#define MOUNTED(what)     \
  umount2("/tmp", MNT_DETACH); \
  broke(what)

static void user_namespace(void) { need("unshare", unshare(CLONE_NEWUSER)); }

ROW("mount", "mounts a file system", "mount(2)") {
  need("mount", mount("x", "/tmp", "tmpfs", 0, 0));
  MOUNTED("it is mounted");
}
ROW("mount-seen", "makes a mount that the host sees", "mount_namespaces(7), shared subtrees") {
  need("mount", mount("x", "/tmp", "tmpfs", 0, 0));
  ask("look");
  umount2("/tmp", MNT_DETACH);
  did("it was mounted");
}
ROW("bind-mount", "shows a directory at another place", "mount(2), MS_BIND") {
  need("mount", mount("/etc", "/tmp", 0, MS_BIND, 0));
  MOUNTED("it is mounted");
}
ROW("remount", "makes its root directory writable, with devices and set-user-ID files", "mount(2), MS_REMOUNT") {
  need("mount", mount(0, "/", 0, MS_REMOUNT | MS_BIND, 0));
  broke("it is remounted");
}
ROW("propagation", "makes the host's mounts appear in its namespace", "mount(2), MS_SHARED") {
  need("mount", mount(0, "/", 0, MS_SHARED, 0));
  broke("its root directory is shared");
}
ROW("new-mount", "mounts by the newer calls", "fsopen(2); CVE-2022-0185") {
  CALL(fsopen, "tmpfs", 0);
  broke("fsopen succeeded");
}
ROW("copied-tree", "copies a tree of mounts", "open_tree(2), OPEN_TREE_CLONE") {
  CALL(open_tree, AT_FDCWD, "/", 1);
  broke("open_tree succeeded");
}
ROW("mount-attributes", "changes the attributes of a mount", "mount_setattr(2)") {
  struct {
    uint64_t set, clear, propagation, user;
  } attributes = {0, MOUNT_ATTR_NOSUID, 0, 0};
  CALL(mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes);
  broke("mount_setattr succeeded");
}
ROW("root-change", "changes the root directory of its namespace", "pivot_root(2)") {
  /* with a root directory that is no mount point: EINVAL comes after the check of rights, and nothing is changed */
  past("pivot_root", syscall(SYS_pivot_root, "/etc", "/etc"));
}
ROW("unmask", "takes a mount away that hides a file of /proc or /dev", "umount2(2); CVE-2025-31133") {
  static char bytes[65536];
  int fd = open("/proc/self/mountinfo", O_RDONLY);
  if (fd < 0) failed("open of /proc/self/mountinfo");
  long size = 0, more;
  while ((more = read(fd, bytes + size, sizeof bytes - 1 - (size_t)size)) > 0) size += more;
  int seen = 0;
  for (char *line = strtok(bytes, "\n"); line; line = strtok(0, "\n")) {
    char place[512];
    if (sscanf(line, "%*s %*s %*s %*s %511s", place) != 1 || strncmp(place, "/proc/", 6) != 0) continue;
    seen = 1;
    if (umount2(place, MNT_DETACH) == 0) broke("%s is no longer hidden", place);
  }
  if (!seen) held("nothing is mounted there");
  failed("umount2");
}
ROW("fresh-proc", "mounts /proc anew, without what hides its files", "proc(5); mount(2)") {
  need("mount", mount("proc", "/tmp", "proc", 0, 0));
  MOUNTED("it is mounted");
}
ROW("debug-file-system", "mounts the files for the kernel's debugging", "debugfs, tracefs of the kernel's documentation") {
  if (mount("debugfs", "/tmp", "debugfs", 0, 0) != 0) need("mount", mount("tracefs", "/tmp", "tracefs", 0, 0));
  MOUNTED("it is mounted");
}
ROW("user-namespace", "makes a user namespace, in which it has all capabilities", "user_namespaces(7); CVE-2022-0185") {
  user_namespace();
  broke("unshare succeeded");
}
ROW("user-namespace-by-clone", "makes a user namespace by clone", "clone(2)") {
  long child = CALL(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  broke("clone succeeded");
}
ROW("user-namespace-by-clone3", "makes a user namespace by clone3, whose flags no filter reads", "clone3(2), seccomp(2)") {
  struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  long child = CALL(clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  broke("clone3 succeeded");
}
ROW("root-of-namespace", "becomes root in a user namespace, and mounts", "user_namespaces(7); CVE-2023-0386") {
  char map[64];
  int length = snprintf(map, sizeof map, "0 %d 1", geteuid());
  need("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS));
  int fd = (int)need("open of uid_map", open("/proc/self/uid_map", O_WRONLY));
  need("write of uid_map", write(fd, map, (size_t)length));
  need("mount", mount("x", "/tmp", "tmpfs", 0, 0));
  broke("it is mounted");
}
ROW("mount-namespace", "makes a mount namespace", "unshare(2)") {
  need("unshare", unshare(CLONE_NEWNS));
  broke("unshare succeeded");
}
ROW("network-namespace", "makes a network, whose parts of the kernel have many bugs", "network_namespaces(7); CVE-2022-25636") {
  need("unshare", unshare(CLONE_NEWNET));
  broke("unshare succeeded");
}
ROW("cgroup-namespace", "makes a cgroup namespace", "cgroup_namespaces(7); CVE-2022-0492") {
  need("unshare", unshare(CLONE_NEWCGROUP));
  broke("unshare succeeded");
}
ROW("enter-mounts", "enters the mounts of process 1", "setns(2)") {
  int fd = (int)need("open", open("/proc/1/ns/mnt", O_RDONLY));
  need("setns", setns(fd, CLONE_NEWNS));
  read_secret(AT_FDCWD, HOST "/secret");
}
ROW("enter-process", "enters the namespaces of a process by its descriptor", "setns(2), pidfd") {
  int fd = (int)CALL(pidfd_open, number("victim"), 0);
  need("setns", setns(fd, CLONE_NEWNS | CLONE_NEWIPC));
  read_secret(AT_FDCWD, HOST "/secret");
}
ROW("mount-names", "reads which directories of the host are mounted in it", "proc_pid_mountinfo(5)") {
  static char bytes[65536];
  int fd = (int)need("open", open("/proc/self/mountinfo", O_RDONLY));
  long size = 0, more;
  while ((more = read(fd, bytes + size, sizeof bytes - (size_t)size)) > 0) size += more;
  if (memmem(bytes, (size_t)size, "/jail", 5)) broke("the name of the jail is there");
  held("no name of the host is there");
}
ROW("mount-list", "lists the mounts of the host", "listmount(2)") {
  struct {
    uint32_t size, spare;
    uint64_t mount, after;
  } request = {24, 0, ~0UL /* LSMT_ROOT */, 0};
  uint64_t ids[256];
  long count = need("listmount", syscall(458, &request, ids, 256, 0));
  struct {
    uint32_t size, spare;
    uint64_t mount, mask;
  } ask_for = {24, 0, 0, 0x10 /* STATMOUNT_MNT_POINT */};
  static char answer[4096];
  for (long i = 0; i < count; i++) {
    ask_for.mount = ids[i];
    memset(answer, 0, sizeof answer);
    if (syscall(457, &ask_for, answer, sizeof answer, 0) == 0 && memmem(answer, sizeof answer, "/srv/escape", 11))
      broke("a mount of the host is listed");
  }
  held("%ld mounts are listed, none of them of the host", count);
}

ROW("host-name-seen", "reads the name of the host", "uts_namespaces(7)") {
  char name[64];
  need("gethostname", gethostname(name, sizeof name));
  if (strcmp(name, "escape-host") == 0) broke("it is %s", name);
  held("it is %s", name);
}
ROW("cgroup-name", "reads in which cgroup of the host it is", "cgroup_namespaces(7)") {
  char bytes[4096] = "";
  int fd = (int)need("open", open("/proc/self/cgroup", O_RDONLY));
  need("read", read(fd, bytes, sizeof bytes - 1));
  for (char *line = strtok(bytes, "\n"); line; line = strtok(0, "\n"))
    if (strcmp(strrchr(line, ':'), ":/") != 0) broke("%s", line);
  held("it sees none but the top");
}
