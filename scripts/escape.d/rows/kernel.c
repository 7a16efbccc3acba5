/* Settings, secrets and dangerous parts of the kernel, which all share. Nothing is changed: a setting gets the value that it has, and a
   call gets arguments that fail after the check of rights. */
#include "row.h"
#include <glob.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/timex.h>

ROW("core-pattern", "names a program that the host starts as root for each crash", "core(5)") { rewrite("/proc/sys/kernel/core_pattern"); }
ROW("module-loader", "names the program that the host starts as root to load a module", "proc_sys_kernel(5), modprobe") { rewrite("/proc/sys/kernel/modprobe"); }
ROW("hotplug-program", "names the program that the host starts as root for each device", "uevent_helper of sysfs") { rewrite("/sys/kernel/uevent_helper"); }
ROW("release-agent", "names the program that the host starts as root for an empty cgroup", "CVE-2022-0492") {
  glob_t found;
  if (glob("/sys/fs/cgroup/*/release_agent", 0, 0, &found) != 0) held("no such file is visible");
  opens(found.gl_pathv[0], O_WRONLY);
}
ROW("release-agent-mounted", "mounts a hierarchy of cgroups to name such a program", "CVE-2022-0492") {
  need("unshare", unshare(CLONE_NEWCGROUP));
  need("mount", mount("cgroup", "/tmp", "cgroup", 0, "pids"));
  int fd = open("/tmp/release_agent", O_WRONLY);
  int error = errno;
  umount2("/tmp", MNT_DETACH);
  errno = error;
  need("open", fd);
  broke("release_agent can be opened");
}
ROW("binary-format", "registers an interpreter for programs of the host", "binfmt_misc of the kernel's admin-guide") {
  need("mount", mount("binfmt_misc", "/tmp", "binfmt_misc", 0, 0));
  int fd = open("/tmp/register", O_WRONLY);
  int error = errno;
  umount2("/tmp", MNT_DETACH);
  errno = error;
  need("open", fd);
  broke("register can be opened");
}
ROW("sysrq", "opens the file that restarts the host", "proc_sysrq-trigger(5)") { opens("/proc/sysrq-trigger", O_WRONLY); }
ROW("randomization", "switches the randomization of addresses off", "proc_sys_kernel(5), randomize_va_space") { rewrite("/proc/sys/kernel/randomize_va_space"); }
ROW("drop-caches", "drops the host's caches", "proc_sys_vm(5)") { opens("/proc/sys/vm/drop_caches", O_WRONLY); }
ROW("overcommit", "changes how the host gives memory", "proc_sys_vm(5)") { rewrite("/proc/sys/vm/overcommit_memory"); }
ROW("protected-links", "removes the host's protection of links", "proc_sys_fs(5), protected_symlinks") { rewrite("/proc/sys/fs/protected_symlinks"); }
ROW("huge-pages", "changes a setting in /sys", "sysfs(5)") { rewrite("/sys/kernel/mm/ksm/run"); }
ROW("interrupts", "moves interrupts of the host to another processor", "/proc/irq of the kernel's documentation") { opens("/proc/irq/default_smp_affinity", O_WRONLY); }
ROW("cgroup", "makes a cgroup", "cgroups(7)") {
  glob_t found;
  if (glob("/sys/fs/cgroup/pids", 0, 0, &found) != 0 && glob("/sys/fs/cgroup/cgroup.procs", 0, 0, &found) != 0) held("no hierarchy is visible");
  const char *path = access("/sys/fs/cgroup/pids", F_OK) == 0 ? "/sys/fs/cgroup/pids/escape-row" : "/sys/fs/cgroup/escape-row";
  need("mkdir", mkdir(path, 0755));
  rmdir(path);
  broke("%s was made", path);
}
ROW("memory-of-kernel", "reads the memory of the kernel", "proc_kcore(5)") {
  char bytes[64];
  int fd = (int)need("open", open("/proc/kcore", O_RDONLY));
  long size = need("read", read(fd, bytes, sizeof bytes));
  if (size < 4 || memcmp(bytes, "\177ELF", 4) != 0) held("another file is in its place");
  broke("/proc/kcore can be read");
}
ROW("addresses-of-kernel", "reads where the kernel's functions are", "proc_kallsyms(5)") {
  char bytes[17] = "";
  int fd = (int)need("open", open("/proc/kallsyms", O_RDONLY));
  need("read", read(fd, bytes, 16));
  for (int lines = 0; lines < 1; lines++)
    if (strspn(bytes, "0") == 16 || bytes[0] == 0) held("they are hidden");
  broke("the first is %s", bytes);
}
ROW("log", "reads the log of the kernel", "syslog(2)") {
  char bytes[256];
  CALL(syslog, 3, bytes, sizeof bytes);
  broke("syslog answered");
}
ROW("log-file", "reads the log of the kernel as a file", "proc_kmsg(5)") { opens("/proc/kmsg", O_RDONLY); }
ROW("key-list", "reads the names of keys of the host", "proc_keys(5)") {
  static char bytes[65536];
  int fd = (int)need("open", open("/proc/keys", O_RDONLY));
  long size = 0, more;
  while (size < 60000 && (more = read(fd, bytes + size, 4096)) > 0) size += more;
  if (!memmem(bytes, (size_t)size, "escape-", 7)) held("none of the host is listed");
  broke("a key of the host is listed");
}
ROW("module", "loads a module", "init_module(2)") { past("init_module", syscall(SYS_init_module, "x", 1, "")); }
ROW("module-file", "loads a module from a file", "finit_module(2)") { past("finit_module", syscall(SYS_finit_module, -1, "", 0)); }
ROW("module-removal", "removes a module", "delete_module(2)") { past("delete_module", syscall(SYS_delete_module, "escape", 0)); }
ROW("other-kernel", "loads another kernel", "kexec_load(2)") { past("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, ~0UL)); }
ROW("other-kernel-file", "loads another kernel from a file", "kexec_file_load(2)") { past("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, 0, ~0UL)); }
ROW("swap", "adds a file to the host's swap", "swapon(2)") { past("swapon", syscall(SYS_swapon, "/escape-no-such-file", 0)); }
ROW("swap-off", "takes the host's swap away", "swapoff(2)") { past("swapoff", syscall(SYS_swapoff, "/escape-no-such-file")); }
ROW("accounting", "writes a record of each process of the host to a file", "acct(2)") { past("acct", syscall(SYS_acct, "/escape-no-such-file")); }
ROW("clock", "changes the clock", "adjtimex(2)") {
  struct timex state = {.modes = 0};
  need("adjtimex", adjtimex(&state));
  state.modes = ADJ_STATUS;
  need("adjtimex", adjtimex(&state));
  broke("its status was set, to what it was");
}
ROW("host-name", "changes the name of the host", "sethostname(2)") {
  need("sethostname", sethostname("escaped", 7));
  did("sethostname succeeded");
}
ROW("domain-name", "changes the domain name of the host", "setdomainname(2)") {
  need("setdomainname", setdomainname("escaped", 7));
  did("setdomainname succeeded");
}
#ifdef __x86_64__
ROW("ports", "gets access to all ports of the machine", "iopl(2)") {
  need("iopl", iopl(3));
  broke("iopl succeeded");
}
ROW("port", "gets access to one port of the machine", "ioperm(2)") {
  need("ioperm", ioperm(0x80, 1, 1));
  broke("ioperm succeeded");
}
ROW("segments", "makes a segment of its own, which many bugs needed", "modify_ldt(2); CVE-2017-17053") {
  CALL(modify_ldt, 0, 0, 0);
  broke("modify_ldt answered");
}
ROW("other-call-numbers", "uses a refused call by its number for 32 bits", "seccomp(2), on architectures; CVE-2009-0835") {
  long result;
  /* keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) of i386 */
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(288L), "b"(0L), "c"(-3L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
  if (result < 0) errno = (int)-result;
  need("keyctl of 32 bits", result < 0 ? -1 : result);
  broke("keyctl of 32 bits answered");
}
#endif
ROW("all-events", "observes all processes of a processor", "perf_event_open(2)") {
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_CONTEXT_SWITCHES};
  CALL(perf_event_open, &event, -1, 0, -1, 0);
  broke("the counter is open");
}
ROW("bpf", "makes a map of BPF", "bpf(2); CVE-2021-3490") {
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  CALL(bpf, BPF_MAP_CREATE, &map, sizeof map);
  broke("the map was made");
}
ROW("page-faults", "handles its own page faults, which many exploits need", "userfaultfd(2)") {
  CALL(userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
  broke("userfaultfd succeeded");
}
ROW("io-uring", "makes a ring of requests", "io_uring_setup(2); CVE-2022-29582") {
  struct io_uring_params parameters = {0};
  CALL(io_uring_setup, 1, &parameters);
  broke("the ring was made");
}
ROW("key", "makes a key", "add_key(2); CVE-2016-0728") {
  CALL(add_key, "user", "escape-row", "x", 1, -2 /* the process's own keyring */);
  broke("the key was made");
}
ROW("cryptography", "uses the kernel's cryptography", "socket(2), AF_ALG; CVE-2019-8912") {
  need("socket", socket(AF_ALG, SOCK_SEQPACKET, 0));
  broke("the socket is open");
}
