// Descriptors that a plan sends to the service: unix(7), SCM_RIGHTS.
#pragma once

#include <cstddef>
#include <vector>

namespace uchroot {

// Takes the descriptors of the message that waits in a socket. Returns how many, or a negative errno: EAGAIN without a message,
// ECONNRESET if none will come, EMFILE if this process has too few descriptors left for one of them.
int receiveDescriptors(int socket, int* fds, size_t most);
// Those of all messages that wait. Returns 0 or an errno: EAGAIN, nothing waits; ECONNRESET, nothing will come.
int receiveAll(int socket, std::vector<int>& fds);

}  // namespace uchroot
