// Steps that read back what other steps have set.

#include "steps.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/stat.h>

#include <asm/errno.h>

#include "syscall.h"

namespace uchroot {
namespace {

// Not inlined: this path is rare, and inlined it would make each launch touch one more page of stack.
[[gnu::noinline]] long beginningOfLongCwd(char* first) {
  char path[4096];
  const long got = sys(__NR_getcwd, address(path), sizeof path);
  *first = path[0];
  return got;
}

// Users have few groups, and these are nearly in order.
void sort(uint32_t* ids, long count) {
  for (long i = 1; i < count; i++) {
    const uint32_t id = ids[i];
    long at = i;
    for (; at > 0 && ids[at - 1] > id; at--) ids[at] = ids[at - 1];
    ids[at] = id;
  }
}

}  // namespace

long verifyCapabilities(uint64_t expected) {
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}}};
  const long got = sys(__NR_capget, address(&sets.header), address(sets.data));
  if (got < 0) return got;
  const uint64_t effective = sets.data[0].effective | static_cast<uint64_t>(sets.data[1].effective) << 32;
  const uint64_t permitted = sets.data[0].permitted | static_cast<uint64_t>(sets.data[1].permitted) << 32;
  const uint64_t inheritable = sets.data[0].inheritable | static_cast<uint64_t>(sets.data[1].inheritable) << 32;
  if (effective != 0 || permitted != expected || inheritable != expected) return -EBADE;
  // An ambient capability must be permitted and inheritable (capabilities(7)), so only those are read.
  for (long capability = 0; capability < 64; capability++) {
    if (!(expected >> capability & 1)) continue;
    const long has = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability);
    if (has < 0) return has;
    if (has != 1) return -EBADE;
  }
  return 0;
}

long verifyIds(long getCall, long fsCall, uint64_t expected) {
  const uint32_t want = static_cast<uint32_t>(expected);
  uint32_t real = ~want, effective = ~want, saved = ~want;
  const long got = sys(getCall, address(&real), address(&effective), address(&saved));
  if (got < 0) return got;
  // setfsuid(-1) changes nothing and returns the current id (setfsuid(2)).
  const uint32_t fs = static_cast<uint32_t>(sys(fsCall, -1));
  return real == want && effective == want && saved == want && fs == want ? 0 : -EBADE;
}

long verifyGroups(PlanStep* step) {
  const long count = step->dataBytes / 8;
  uint32_t* expected = reinterpret_cast<uint32_t*>(dataOf(step));
  uint32_t* actual = expected + count;
  const long has = sys(__NR_getgroups, 0, 0);
  if (has < 0) return has;
  if (has != count) return -EBADE;
  const long got = sys(__NR_getgroups, count, address(actual));
  if (got < 0) return got;
  if (got != count) return -EBADE;
  // The kernel has them in the order of the ids of the host (groups_sort() in kernel/groups.c).
  sort(expected, count);
  sort(actual, count);
  for (long i = 0; i < count; i++) {
    if (actual[i] != expected[i]) return -EBADE;
  }
  return 0;
}

// If a container has its own filter in force, this check cannot tell the two apart.
long verifySeccomp() {
  const long mode = prctl(PR_GET_SECCOMP);
  return mode < 0 ? mode : mode == SECCOMP_MODE_FILTER ? 0 : -EBADE;
}

long verifyNoNewPrivs() {
  const long set = prctl(PR_GET_NO_NEW_PRIVS);
  return set < 0 ? set : set == 1 ? 0 : -EBADE;
}

long verifyNoWayBack() {
  const long regained = sys(__NR_setresuid, 0, 0, 0);
  // EINVAL: this user namespace has no uid 0 (user_namespaces(7)).
  return regained == -EPERM || regained == -EINVAL ? 0 : regained < 0 ? regained : -EBADE;
}

// The root directory is the jail, even if something answered chroot without doing it, and the working directory is inside it.
long verifyCwd(long jailFd) {
  struct statx jail, root;
  const long first = sys(__NR_statx, jailFd, address(""), AT_EMPTY_PATH, STATX_INO, address(&jail));
  if (first < 0) return first;
  const long second = sys(__NR_statx, AT_FDCWD, address("/"), 0, STATX_INO, address(&root));
  if (second < 0) return second;
  if (root.stx_ino != jail.stx_ino || root.stx_dev_major != jail.stx_dev_major ||
      root.stx_dev_minor != jail.stx_dev_minor) {
    return -EBADE;
  }
  char path[128];
  long got = sys(__NR_getcwd, address(path), sizeof path);
  if (got == -ERANGE) got = beginningOfLongCwd(path);
  if (got < 0) return got;
  if (path[0] != '/') return -EXDEV;  // "(unreachable)…": outside the root directory (getcwd(2))
  return sys(__NR_faccessat, AT_FDCWD, address("."), 1 /* X_OK */);
}

}  // namespace uchroot
