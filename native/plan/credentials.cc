// Steps about identity and privileges.

#include "steps.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#include <asm/errno.h>

#include "syscall.h"

namespace uchroot {

// Each securebit has its lock bit one place above it. A locked bit cannot change (capabilities(7)).
long resetSecurebits() {
  const long now = prctl(PR_GET_SECUREBITS);
  if (now < 0) return now;
  const long locks = now & SECURE_ALL_LOCKS;
  const long next = (now & (locks >> 1)) | locks;
  return next == now ? 0 : prctl(PR_SET_SECUREBITS, next);
}

long setCapabilities(uint64_t mask, uint64_t effective) {
  const auto half = [=](int shift) {
    const uint32_t kept = static_cast<uint32_t>(mask >> shift);
    return __user_cap_data_struct{static_cast<uint32_t>(effective >> shift), kept, kept};
  };
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {half(0), half(32)}};
  return sys(__NR_capset, address(&sets.header), address(sets.data));
}

long raiseAmbient(uint64_t mask, uint32_t* detail) {
  for (long capability = 0; capability < 64; capability++) {
    if (!(mask >> capability & 1)) continue;
    *detail = static_cast<uint32_t>(capability);
    const long raised = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
    if (raised < 0) return raised;
  }
  return 0;
}

long installFilter(PlanStep* step, PlanContext& context) {
  sock_fprog program;
  program.len = static_cast<unsigned short>(step->dataBytes / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(dataOf(step));
  const long flags = static_cast<long>(step->a);
  const auto install = [&](long more) { return sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags | more, address(&program)); };
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return install(0);
  // Without a process that answers, the program would wait for ever. A rehearsal has none.
  if (context.outboundFd < 0 && context.progress == nullptr) return -EOPNOTSUPP;
  // A signal does not interrupt a call that waits for its answer (Linux 5.19): a program that gets many would not get on.
  constexpr long kWaitKillable = 1 << 5;
  long listener = install(kWaitKillable);
  if (listener == -EINVAL) listener = install(0);
  if (listener < 0) return listener;
  const int fd = static_cast<int>(listener);
  const long sent = context.outboundFd >= 0 ? sendDescriptors(context.outboundFd, &fd, 1) : 0;
  (void)sys(__NR_close, listener);
  context.isHeard = true;
  return sent;
}

// Each capability is dropped first and then read back. If the kernel refuses to drop a capability that is not in the set, that is
// no error: a caller with an empty set needs no CAP_SETPCAP. If the call succeeds but the capability is still there, that is an
// error. Nothing adds to a bounding set (capabilities(7)), so a dropped capability stays dropped.
long dropBoundingSet(uint64_t keep, uint32_t* capability) {
  for (long number = 0; number < 64; number++) {
    if (keep >> number & 1) continue;
    *capability = static_cast<uint32_t>(number);
    const long dropped = prctl(PR_CAPBSET_DROP, number);
    const long left = prctl(PR_CAPBSET_READ, number);
    if (left == -EINVAL && dropped == -EINVAL && number > 0) return 0;  // past the kernel's last capability
    if (left < 0) return left;
    if (dropped < 0 && (dropped != -EPERM || left != 0)) return dropped;
    if (left != 0) return -EBADE;
  }
  return 0;
}

}  // namespace uchroot
