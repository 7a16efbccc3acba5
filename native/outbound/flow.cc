#include "flow.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../files/descriptor.h"

namespace uchroot {
namespace {

constexpr size_t kWideBytes = size_t{1024} * 1024;  // /proc/sys/fs/pipe-max-size of most hosts
constexpr size_t kMostWide = 8;
constexpr size_t kTurnBytes = size_t{1024} * 1024;
constexpr unsigned kSplice = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

// Without an error, there may be more to read later.
void fill(Flow& flow, int from, int* error) {
  const ssize_t got = splice(from, nullptr, flow.pipe[1], nullptr, kWideBytes, kSplice);
  if (got > 0) flow.held += static_cast<size_t>(got);
  if (got == 0) flow.isEnded = true;
  if (got < 0 && errno != EAGAIN && errno != EINTR) *error = errno;
}

// False: nothing can be written now, and *error if nothing ever can.
bool drain(Flow& flow, int to, int* error) {
  const ssize_t put = splice(flow.pipe[0], nullptr, to, nullptr, flow.held, kSplice);
  if (put > 0) flow.held -= static_cast<size_t>(put);
  if (put < 0 && errno != EAGAIN && errno != EINTR) *error = errno;
  return put > 0;
}

}  // namespace

int keepRoom(int fd, unsigned eighths) {
  rlimit table = {};
  if (fd < 0 || getrlimit(RLIMIT_NOFILE, &table) < 0 || static_cast<rlim_t>(fd) < table.rlim_cur / 8 * eighths) return fd;
  close(fd);
  errno = EMFILE;
  return -1;
}

Pipes::~Pipes() {
  for (Ends& ends : idle_) {
    closeIfOpen(ends.out);
    closeIfOpen(ends.in);
  }
}

bool Pipes::take(Flow& flow) {
  if (flow.pipe[0] >= 0) return true;
  if (!idle_.empty()) {
    flow.pipe[0] = idle_.back().out;
    flow.pipe[1] = idle_.back().in;
    flow.isWide = true;
    idle_.pop_back();
    return true;
  }
  if (pipe2(flow.pipe, O_CLOEXEC | O_NONBLOCK) < 0) return false;
  flow.pipe[1] = keepRoom(flow.pipe[1], kEighthsOfAll);
  if (flow.pipe[1] < 0) {
    closeIfOpen(flow.pipe[0]);
    return false;
  }
  flow.isWide = wide_ < kMostWide && fcntl(flow.pipe[1], F_SETPIPE_SZ, kWideBytes) >= 0;
  if (flow.isWide) wide_++;
  return true;
}

void Pipes::giveBack(Flow& flow) {
  if (flow.pipe[0] < 0) return;
  if (std::exchange(flow.isWide, false)) {
    if (flow.held == 0) return idle_.push_back({std::exchange(flow.pipe[0], -1), std::exchange(flow.pipe[1], -1)});
    wide_--;
  }
  closeIfOpen(flow.pipe[0]);
  closeIfOpen(flow.pipe[1]);
}

Moved moveBytes(Flow& flow, int from, int to, Pipes& pipes) {
  int error = 0;
  size_t left = kTurnBytes;
  while (error == 0 && left > 0) {
    if (!pipes.take(flow)) return Moved::kBroken;
    if (flow.held == 0 && !flow.isEnded) fill(flow, from, &error);
    const size_t before = flow.held;
    if (before == 0 || !drain(flow, to, &error)) break;
    left -= std::min(left, before - flow.held);
  }
  if (error != 0) return Moved::kBroken;
  if (flow.held == 0) pipes.giveBack(flow);
  if (flow.held == 0 && flow.isEnded && !std::exchange(flow.isShut, true)) (void)shutdown(to, SHUT_WR);
  return left == 0 ? Moved::kMore : Moved::kIdle;
}

}  // namespace uchroot
