// Opens the paths to the jail and to the pid file one component at a time, each by descriptor and without following links. When
// the launcher was compiled, links were resolved and the directories' writers were checked. This file checks that nothing has
// changed since.

#include "directory.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "report.h"
#include "../plan/syscall.h"

namespace uchroot {
namespace {

constexpr uint32_t kPermissions = 07777;
// The bits that decide whether another user than the owner can replace an entry (unlink(2), EPERM).
constexpr uint32_t kWriteRules = S_ISVTX | 022;

// The directory that a path leads to.
struct Destination {
  const char* step;
  const char* shown;
  const char* changed;  // the error code for a change
  const char* missingHint;  // of a jail: only if it does not exist
  bool isJail;
};

constexpr Destination kJail = {"jail", "jail: ", "ERR_JAIL_CHANGED",
                               "mount it, or build it again and then compile the launcher again", true};
constexpr Destination kPidFile = {"pid_file", "pid file: ", "ERR_INSECURE_PATH",
                                  "its directory must exist and be writable by root", false};

[[noreturn]] void refuse(const Payload* payload, const Failure& failure, const Line& message, const char* hint) {
  quit(tell(payload, failure, message, hint));
}

Line about(const Payload* payload, const Destination& to, const PathComponent& component) {
  Line line;
  line.put(to.shown).put(stringAt(payload, component.shown)).put(": ");
  return line;
}

// Not inlined because of the Line: see compiled.cc.
[[noreturn, gnu::noinline]] void unreachable(const Payload* payload, const Destination& to,
                                             const PathComponent& component, long result) {
  const int error = static_cast<int>(-result);
  Line name, message = about(payload, to, component);
  putError(payload, error, message);
  const bool isHinted = !to.isJail || error == ENOENT;
  refuse(payload, {to.step, 0, errorName(payload, error, name), error}, message, isHinted ? to.missingHint : nullptr);
}

constexpr char kAgain[] = "if that is intended, compile the launcher again";

bool isSameInode(const Payload* payload, const struct statx& now) {
  if (now.stx_ino != payload->inode) return false;
  // A birth time survives a reboot and differs if the inode number was reused. Device numbers can change at each boot.
  if (payload->birthTimeNs != 0 && (now.stx_mask & STATX_BTIME)) {
    return now.stx_btime.tv_sec * 1'000'000'000 + now.stx_btime.tv_nsec == payload->birthTimeNs;
  }
  return now.stx_dev_major == payload->deviceMajor && now.stx_dev_minor == payload->deviceMinor;
}

[[noreturn, gnu::noinline]] void anotherInode(const Payload* payload, const PathComponent& component) {
  Line message = about(payload, kJail, component);
  message.put("is another directory than the one this launcher was compiled for");
  refuse(payload, {kJail.step, 0, kJail.changed, 0}, message,
         "if that is intended, compile the launcher again, or once and for all with --any-inode");
}

[[noreturn, gnu::noinline]] void changed(const Payload* payload, const Destination& to, const PathComponent& was,
                                         const struct statx& now) {
  Line message = about(payload, to, was);
  const auto put = [&message](uint32_t uid, uint32_t gid, uint32_t mode) {
    message.put("owner ").number(uid).put(':').number(gid).put(" and mode ").octal(mode);
  };
  message.put("has ");
  put(now.stx_uid, now.stx_gid, now.stx_mode);
  const bool wasThere = (was.mode & S_IFMT) != 0;
  message.put(wasThere ? ", and had " : ", and must have ");
  put(was.uid, was.gid, was.mode);
  message.put(wasThere ? " when this launcher was compiled" : ": it did not exist when this launcher was compiled");
  refuse(payload, {to.step, 0, to.changed, 0}, message, kAgain);
}

[[noreturn, gnu::noinline]] void anotherList(const Payload* payload, const Destination& to, const PathComponent& was) {
  Line message = about(payload, to, was);
  message.put("has another access control list than when this launcher was compiled");
  refuse(payload, {to.step, 0, to.changed, 0}, message, kAgain);
}

bool equal(const uint8_t* a, const uint8_t* b, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// The group bits of the mode can be the mask of an access control list that lets other users write (acl(5)). An O_PATH descriptor
// has no attributes (open(2)), so the directory becomes the working directory. The plan enters the jail anyway.
[[gnu::noinline]] void requireSameList(const Payload* payload, const Destination& to, const PathComponent& was,
                                       long directory) {
  if (const long entered = sys(__NR_fchdir, directory); entered < 0) unreachable(payload, to, was, entered);
  const uint32_t bytes = was.acl.count;
  uint8_t* list = static_cast<uint8_t*>(__builtin_alloca(bytes));
  // With size 0, getxattr returns the size (getxattr(2)).
  const long got = sys(__NR_getxattr, address("."), address("system.posix_acl_access"), address(list), bytes);
  const bool isNone = got == -ENODATA || got == -EOPNOTSUPP;
  if (got < 0 && !isNone && got != -ERANGE) unreachable(payload, to, was, got);
  const bool isSame = bytes == 0 ? isNone
                                 : got == static_cast<long>(bytes) &&
                                       equal(list, elementsOf<uint8_t>(payload, was.acl), bytes);
  if (!isSame) anotherList(payload, to, was);
}

void requireSame(const Payload* payload, const Destination& to, const PathComponent& was, long directory, bool isExact) {
  struct statx now;
  const long got = sys(__NR_statx, directory, address(""), AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, address(&now));
  if (got < 0) unreachable(payload, to, was, got);
  if (isExact && !isSameInode(payload, now)) anotherInode(payload, was);
  const uint32_t wanted = isExact ? kPermissions : kWriteRules;
  if (now.stx_uid != was.uid || now.stx_gid != was.gid || ((now.stx_mode ^ was.mode) & wanted) != 0)
    changed(payload, to, was, now);
  if ((now.stx_mode & (S_IWGRP | S_IWOTH)) == S_IWGRP) requireSameList(payload, to, was, directory);
}

long openWay(const Payload* payload, const PayloadTable& way, const Destination& to) {
  const PathComponent* components = elementsOf<PathComponent>(payload, way);
  long here = AT_FDCWD;
  for (uint32_t depth = 0; depth < way.count; depth++) {
    const PathComponent& component = components[depth];
    const long next = sys(__NR_openat, here, address(stringAt(payload, component.name)),
                          O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) unreachable(payload, to, component, next);
    if (here >= 0) (void)sys(__NR_close, here);
    here = next;
    const bool isJail = to.isJail && depth + 1 == way.count;
    if (!isJail && (payload->flags & FLAG_ANY_PATH)) continue;
    requireSame(payload, to, component, here, isJail && !(payload->flags & FLAG_ANY_INODE));
  }
  return here;
}

bool isTaken(const Payload* payload, long fd, int listenFds) {
  if (fd < 3 + listenFds || fd == payload->statusFd) return true;
  Steps steps(elementsOf<uint8_t>(payload, payload->plan));
  while (const PlanStep* step = steps.next()) {
    if ((step->flags & STEP_DESCRIPTOR) != 0 && step->a == static_cast<uint64_t>(fd)) return true;
  }
  return false;
}

}  // namespace

int moveAside(const Payload* payload, long fd, int listenFds) {
  while (isTaken(payload, fd, listenFds)) {
    const long next = sys(__NR_fcntl, fd, F_DUPFD_CLOEXEC, fd + 1);
    (void)sys(__NR_close, fd);  // no unwritten data: close cannot lose anything
    if (next < 0) unreachable(payload, kJail, *elementsOf<PathComponent>(payload, payload->components), next);
    fd = next;
  }
  return static_cast<int>(fd);
}

long openJail(const Payload* payload) { return openWay(payload, payload->components, kJail); }

long openPidDirectory(const Payload* payload) { return openWay(payload, payload->pidWay, kPidFile); }

}  // namespace uchroot
