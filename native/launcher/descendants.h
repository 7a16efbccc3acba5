// The processes that this one has started, and those that they have started in turn. Raw system calls only.
#pragma once

namespace uchroot {

// Stops them all with SIGSTOP, so that none of them starts another one. Those that this process does not see in /proc are left.
void stopDescendants();

}  // namespace uchroot
