// openJail: one component at a time, each by descriptor and without following a link. Links were resolved when the
// launcher was compiled.

#include "directory.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "report.h"
#include "syscall.h"

namespace uchroot {
namespace {

constexpr uint32_t kPermissions = 07777;
// What lets somebody else than the owner replace an entry (unlink(2), EPERM).
constexpr uint32_t kWriteRules = S_ISVTX | 022;

[[noreturn]] void refuse(const Payload* payload, const Failure& failure, const Line& message, const char* hint) {
  quit(tell(payload, failure, message, hint));
}

Line about(const Payload* payload, const PathComponent& component) {
  Line line;
  line.put("jail: ").put(stringAt(payload, component.shown)).put(": ");
  return line;
}

// What has a Line is not inlined: see compiled.cc.
[[noreturn, gnu::noinline]] void unreachable(const Payload* payload, const PathComponent& component, long result) {
  const int error = static_cast<int>(-result);
  Line name, message = about(payload, component);
  putError(payload, error, message);
  refuse(payload, {"jail", 0, errorName(payload, error, name), error}, message, nullptr);
}

constexpr char kAgain[] = "if that is intended, compile the launcher again";
constexpr char kAgainOrAny[] = "if that is intended, compile the launcher again, or once and for all with --any-inode";

bool isSameInode(const Payload* payload, const struct statx& now) {
  if (now.stx_ino != payload->inode) return false;
  // A birth time outlives a reboot, and tells a directory from its successor of the same number; devices are numbered
  // as they are found.
  if (payload->birthTimeNs != 0 && (now.stx_mask & STATX_BTIME)) {
    return now.stx_btime.tv_sec * 1'000'000'000 + now.stx_btime.tv_nsec == payload->birthTimeNs;
  }
  return now.stx_dev_major == payload->deviceMajor && now.stx_dev_minor == payload->deviceMinor;
}

constexpr Failure kChanged = {"jail", 0, "ERR_JAIL_CHANGED", 0};

[[noreturn, gnu::noinline]] void anotherInode(const Payload* payload, const PathComponent& component) {
  Line message = about(payload, component);
  message.put("is another directory than the one this launcher was compiled for");
  refuse(payload, kChanged, message,
         "if that is intended, compile the launcher again, or once and for all with --any-inode");
}

[[noreturn, gnu::noinline]] void changed(const Payload* payload, const PathComponent& was, const struct statx& now) {
  Line message = about(payload, was);
  const auto put = [&message](uint32_t uid, uint32_t gid, uint32_t mode) {
    message.put("owner ").number(uid).put(':').number(gid).put(" and mode ").octal(mode);
  };
  message.put("has ");
  put(now.stx_uid, now.stx_gid, now.stx_mode);
  message.put(", and had ");
  put(was.uid, was.gid, was.mode);
  message.put(" when this launcher was compiled");
  refuse(payload, kChanged, message, "if that is intended, compile the launcher again");
}

bool isTaken(const Payload* payload, long fd, int listenFds) {
  if (fd < 3 + listenFds || fd == payload->statusFd) return true;
  const void* plan = elementsOf<uint8_t>(payload, payload->plan);
  const PlanStep* step = firstStep(plan);
  for (uint32_t i = 0; i < stepsIn(plan); i++, step = nextStep(step)) {
    if (step->op == OP_KEEP_FD && step->a == static_cast<uint64_t>(fd)) return true;
  }
  return false;
}

}  // namespace

int moveAside(const Payload* payload, long fd, int listenFds) {
  while (isTaken(payload, fd, listenFds)) {
    const long next = sys(__NR_fcntl, fd, F_DUPFD_CLOEXEC, fd + 1);
    (void)sys(__NR_close, fd);  // nothing was written to it that could be lost
    if (next < 0) unreachable(payload, *elementsOf<PathComponent>(payload, payload->components), next);
    fd = next;
  }
  return static_cast<int>(fd);
}

int openJail(const Payload* payload) {
  const PathComponent* components = elementsOf<PathComponent>(payload, payload->components);
  const uint32_t last = payload->components.count - 1;
  long here = AT_FDCWD;
  for (uint32_t depth = 0; depth <= last; depth++) {
    const PathComponent& component = components[depth];
    const long next = sys(__NR_openat, here, address(stringAt(payload, component.name)),
                          O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) unreachable(payload, component, next);
    if (here >= 0) (void)sys(__NR_close, here);
    here = next;
    if (depth < last && (payload->flags & FLAG_ANY_PATH)) continue;
    struct statx now;
    const long got = sys(__NR_statx, here, address(""), AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, address(&now));
    if (got < 0) unreachable(payload, component, got);
    const bool exact = depth == last && !(payload->flags & FLAG_ANY_INODE);
    if (exact && !isSameInode(payload, now)) anotherInode(payload, component);
    const uint32_t wanted = exact ? kPermissions : kWriteRules;
    if (now.stx_uid != component.uid || now.stx_gid != component.gid || ((now.stx_mode ^ component.mode) & wanted) != 0)
      changed(payload, component, now);
  }
  return static_cast<int>(here);
}

}  // namespace uchroot
