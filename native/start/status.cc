// openStatus(fd), writeStatus(fd, line)

#include "status.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reopen.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

// A terminal, and not the master of one, of which opening it again makes another (ptmx(4)).
bool isTerminal(int fd) {
  unsigned int number;
  return isatty(fd) == 1 && ioctl(fd, TIOCGPTN, &number) < 0;
}

// A pipe and a terminal are opened once more: whoever else has them is to go on waiting. Where that is refused, and for all
// other files, a duplicate has to do.
int openAgain(int fd) {
  struct stat seen;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &seen) < 0) return -1;
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) {
    errno = EBADF;
    return -1;
  }
  if (S_ISFIFO(seen.st_mode) || isTerminal(fd)) {
    const int own = reopen(fd, O_WRONLY);
    if (own >= 0) return own;
  }
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

// How much was written, or a negative errno: EAGAIN if it would have to wait.
ssize_t writeNow(int fd, const uint8_t* bytes, size_t count) {
  pollfd state = {fd, POLLOUT, 0};
  if (poll(&state, 1, 0) != 1) return -EAGAIN;
  ssize_t wrote = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (wrote < 0 && errno == ENOTSOCK) wrote = write(fd, bytes, count);
  return wrote < 0 ? (errno == EINTR ? -EAGAIN : -errno) : wrote;
}

// → a descriptor of its own, for closePipe()
Napi::Value openStatus(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const int own = openAgain(fd);
  if (own < 0) {
    throwErrno(info.Env(), errno, "fcntl", "descriptor " + std::to_string(fd));
    return info.Env().Undefined();
  }
  static_cast<LoosePipes*>(info.Data())->add(own, false);
  return Napi::Number::New(info.Env(), own);
}

Napi::Value writeStatus(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array line = info[1].As<Napi::Uint8Array>();
  const int fd = info[0].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), static_cast<double>(writeNow(fd, line.Data(), line.ByteLength())));
}

}  // namespace

void initStatus(Napi::Env env, Napi::Object exports, LoosePipes* loose) {
  exports.Set("openStatus", Napi::Function::New(env, openStatus, "openStatus", loose));
  exports.Set("writeStatus", Napi::Function::New(env, writeStatus, "writeStatus"));
}

}  // namespace uchroot
