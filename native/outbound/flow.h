// Passes the bytes of a connection on by splice(2): they stay in the kernel.
#pragma once

#include <cstddef>
#include <vector>

namespace uchroot {

// The table of descriptors is the service's, which needs some itself. Returns fd, or closes it if it lies above so many eighths of the
// table: -1 with EMFILE.
int keepRoom(int fd, unsigned eighths);
// A connection that is there already has this part of it.
constexpr unsigned kEighthsOfAll = 7;

// One direction of a connection. It has a pipe only while bytes are in it.
struct Flow {
  int pipe[2] = {-1, -1};
  bool isWide = false;
  size_t held = 0;
  bool isEnded = false;  // nothing more comes
  bool isShut = false;   // and that was passed on
};

// The pipes of a relay. A few are wide: then the bytes move in large parts, which takes two thirds of the time. What a program can hold by
// connections that nobody reads is bounded, as is the memory of pipes of the relay's user (pipe(7), pipe-user-pages-soft).
class Pipes {
 public:
  Pipes() = default;
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;
  ~Pipes();

  // False, with an errno: there are no descriptors.
  bool take(Flow& flow);
  // Bytes that are in it are lost.
  void giveBack(Flow& flow);

 private:
  struct Ends {
    int out, in;
  };
  std::vector<Ends> idle_;  // wide ones
  size_t wide_ = 0;         // all of them
};

enum class Moved { kIdle, kMore, kBroken };

// Moves what there is. kMore: it has moved much, and it is the turn of another connection.
Moved moveBytes(Flow& flow, int from, int to, Pipes& pipes);

}  // namespace uchroot
