// The steps of a rootless launch's child before it executes the launcher.
#pragma once

#include <linux/capability.h>
#include <linux/prctl.h>

#include "../plan/steps.h"

namespace uchroot {

// The first process of a user namespace has all capabilities there. execve would take them away, because its uid is not 0
// (user_namespaces(7)), unless they are ambient (capabilities(7)). Neither call makes the memory that the child shares with the service
// non-dumpable: the permitted set stays as it is (commit_creds() in kernel/cred.c).
__attribute__((no_sanitize("address", "undefined"))) inline long raiseAllAmbient() {
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {}};
  long result = sys(__NR_capget, address(&sets.header), address(sets.data));
  if (result < 0) return result;
  for (__user_cap_data_struct& half : sets.data) half.inheritable = half.permitted;
  result = sys(__NR_capset, address(&sets.header), address(sets.data));
  for (long capability = 0; capability < 64 && result >= 0; capability++) {
    const bool has = (sets.data[capability / 32].permitted >> (capability % 32) & 1) != 0;
    if (has) result = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
  }
  return result < 0 ? result : 0;
}

}  // namespace uchroot
