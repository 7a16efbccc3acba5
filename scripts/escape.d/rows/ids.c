/* Users, groups and capabilities. */
#include "row.h"
#include <grp.h>
#include <linux/capability.h>

static __attribute__((noreturn)) void gain(const char *program, const char *mode, const char *file) {
  if (access(file, R_OK) == 0) lacks("it may read that file anyway");
  run(program, mode);
}

ROW("set-user-id-file", "executes a set-user-ID file, and reads what only root may", "execve(2)") { gain("/suid", "read-root", "/secret-root"); }
ROW("set-group-id-file", "executes a set-group-ID file, and reads what only its group may", "execve(2)") { gain("/sgid", "read-group", "/secret-sgid"); }
ROW("file-capabilities", "executes a file with capabilities, and reads what only root may", "capabilities(7)") { gain("/filecap", "read-root", "/secret-root"); }
ROW("kept-group", "reads what a group of the caller may", "setgroups(2); CVE-2022-2995") { read_secret(AT_FDCWD, "/secret-group"); }
ROW("kept-environment", "reads a secret in the environment of the caller", "environ(7)") {
  const char *value = getenv("SECRET");
  if (!value) held("it has not the variable");
  got(value, (long)strlen(value));
}
ROW("other-user", "becomes another user", "setresuid(2)") {
  uid_t other = getuid() == 0 ? 1 : 0;
  need("setresuid", syscall(SYS_setresuid, other, other, other));
  broke("it is uid %d", getuid());
}
ROW("other-group", "becomes another group", "setresgid(2)") {
  gid_t other = getgid() == 0 ? 1 : 0;
  need("setresgid", syscall(SYS_setresgid, other, other, other));
  broke("it is gid %d", getgid());
}
ROW("other-groups", "takes supplementary groups", "setgroups(2); CVE-2014-8989") {
  gid_t group = 4;
  need("setgroups", syscall(SYS_setgroups, 1, &group));
  broke("it has the group 4");
}
ROW("file-system-user", "accesses files as another user", "setfsuid(2)") {
  uid_t other = getuid() == 0 ? 1 : 0;
  syscall(SYS_setfsuid, other);
  if (syscall(SYS_setfsuid, -1) != (long)other) held("setfsuid had no effect");
  broke("its files are those of uid %d", other);
}
ROW("capabilities", "has capabilities", "capabilities(7)") {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  CALL(capget, &head, data);
  if ((data[0].effective | data[1].effective) == 0) held("it has none");
  broke("they are %08x%08x", data[1].effective, data[0].effective);
}
ROW("ambient-capabilities", "raises an ambient capability", "prctl(2), PR_CAP_AMBIENT") {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  CALL(capget, &head, data);
  data[0].inheritable = data[0].permitted;
  CALL(capset, &head, data);
  for (int capability = 0; capability < 41; capability++)
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0) broke("number %d", capability);
  failed("PR_CAP_AMBIENT_RAISE");
}
ROW("owner", "gives a file of its own to another user of the host", "chown(2)") {
  need("chown", chown("/home/own", 1, (gid_t)-1));
  did("chown succeeded");
}
ROW("dac-override", "reads a file of another user", "capabilities(7), CAP_DAC_OVERRIDE") { read_secret(AT_FDCWD, "/home/of-other"); }
