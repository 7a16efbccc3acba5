// Sockets in the network of a launch, made from outside.
#pragma once

namespace uchroot {

class InsideSockets {
 public:
  InsideSockets() = default;
  InsideSockets(const InsideSockets&) = delete;
  InsideSockets& operator=(const InsideSockets&) = delete;
  ~InsideSockets();

  // `socket`: one of that network. Returns 0 or an errno.
  int open(int socket);
  // For connections, of AF_INET or AF_INET6. Signals are blocked in this thread. Returns a descriptor, or -1 and an errno.
  int make(int family) const;

 private:
  int network_ = -1, user_ = -1;
};

}  // namespace uchroot
