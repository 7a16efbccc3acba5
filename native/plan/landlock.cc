// Steps that confine the program with Landlock: landlock(7). They need no header of the kernel newer than 5.13.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

namespace uchroot {
namespace {

// linux/landlock.h
constexpr long kVersion = 1;                 // LANDLOCK_CREATE_RULESET_VERSION
constexpr long kPathBeneath = 1, kNetPort = 2;  // LANDLOCK_RULE_
constexpr uint64_t kFileRights = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;  // execute, write, read, truncate, ioctl

struct [[gnu::packed]] PathBeneath {
  uint64_t access;
  int32_t fd;
};

struct NetPort {
  uint64_t access;
  uint64_t port;
};

constexpr long kFastOpen = 0x20000000;  // send(2): MSG_FASTOPEN
constexpr long kUnixFamily = 1, kDatagram = 2, kCloseOnExec = O_CLOEXEC;  // socket(2): AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC

bool isOutOfReach(long error) { return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -EACCES; }

// No link in the path is followed: whoever can write there could choose its target, and the rule would then allow that target.
long addPath(const PlanStep* step, long ruleset) {
  const open_how how = {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS};
  const long fd = sys(__NR_openat2, AT_FDCWD, address(dataOf(step)), address(&how), sizeof how);
  if (fd < 0) return step->b == LANDLOCK_PATH_IF_THERE && isOutOfReach(fd) ? 0 : fd;
  PathBeneath rule = {step->a, static_cast<int32_t>(fd)};
  long added = sys(__NR_landlock_add_rule, ruleset, kPathBeneath, address(&rule), 0);
  if (added == -EINVAL) {
    // Not a directory: it has fewer rights (landlock_add_rule(2)).
    rule.access &= kFileRights;
    added = sys(__NR_landlock_add_rule, ruleset, kPathBeneath, address(&rule), 0);
  }
  const long closed = sys(__NR_close, fd);
  return added < 0 ? added : closed;
}

long addPorts(const PlanStep* step, long ruleset, uint32_t* port) {
  const uint32_t* ports = reinterpret_cast<const uint32_t*>(dataOf(step));
  for (uint32_t i = 0; i < step->dataBytes / 4; i++) {
    *port = ports[i];
    const NetPort rule = {step->a, ports[i]};
    const long added = sys(__NR_landlock_add_rule, ruleset, kNetPort, address(&rule), 0);
    if (added < 0) return added;
  }
  return 0;
}

long sendToProbe(const Probe& probe) {
  return sys(__NR_sendto, probe.fd, address(""), 0, 0, address(probe.address), sizeof probe.address);
}

// The kernel chooses the name. The first message shows that sending works as long as the process is not confined.
long makeProbe(Probe* probe) {
  const long fd = sys(__NR_socket, kUnixFamily, kDatagram | kCloseOnExec, 0);
  if (fd < 0) return fd;
  probe->fd = static_cast<int>(fd);
  const uint16_t family = kUnixFamily;
  const long bound = sys(__NR_bind, fd, address(&family), sizeof family);
  if (bound < 0) return bound;
  uint32_t size = sizeof probe->address;
  const long named = sys(__NR_getsockname, fd, address(probe->address), address(&size));
  return named < 0 ? named : sendToProbe(*probe);
}

bool isAbsent(const PlanStep* step, const PlanContext& context) {
  return step->b == LANDLOCK_IF_THERE && context.rulesetFd < 0;
}

}  // namespace

// The descriptor is close-on-exec.
long createRuleset(const PlanStep* step, PlanContext& context, uint32_t* kernelAbi) {
  const bool isIfThere = step->b == LANDLOCK_IF_THERE;
  const long abi = sys(__NR_landlock_create_ruleset, 0, 0, kVersion);
  if (abi < 0) return isIfThere ? 0 : abi;
  *kernelAbi = static_cast<uint32_t>(abi);
  if (abi < static_cast<long>(step->a)) return isIfThere ? 0 : -EPROTONOSUPPORT;
  // A kernel that does not know the last fields accepts them as long as they are 0.
  const long fd = sys(__NR_landlock_create_ruleset, address(dataOf(step)), kRulesetAttributeBytes, 0);
  if (fd < 0) return fd;
  context.rulesetFd = static_cast<int>(fd);
  return 0;
}

long addRule(const PlanStep* step, const PlanContext& context, uint32_t* port) {
  return step->b == LANDLOCK_PORTS ? addPorts(step, context.rulesetFd, port) : addPath(step, context.rulesetFd);
}

long restrictSelf(const PlanStep* step, PlanContext& context) {
  if (isAbsent(step, context)) return 0;
  const bool isVerified = step->a == 1;
  const long probed = isVerified ? makeProbe(&context.probe) : 0;
  return probed < 0 ? probed : sys(__NR_landlock_restrict_self, context.rulesetFd, 0);
}

// No call tells a process whether it is confined. So it tries something that was possible before. The answer does not depend on files or
// ids.
long verifyLandlock(const PlanStep* step, const PlanContext& context) {
  if (isAbsent(step, context)) return 0;
  const long sent = sendToProbe(context.probe);
  return sent == -EPERM ? 0 : sent < 0 ? sent : -EBADE;
}

// No such descriptor is open: without the filter the answer is EBADF.
long verifyTcpFilter() {
  const long sent = sys(__NR_sendto, -1, 0, 0, kFastOpen, 0, 0);
  return sent == -EOPNOTSUPP ? 0 : sent == -EBADF ? -EBADE : sent;
}

}  // namespace uchroot
