// Pipes and the status descriptor for JS; see pipes.h.

#include "pipes.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../addon/loose.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

// → the read end of a pipe that has ended
Napi::Value endedPipe(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return checked(info.Env(), -1, "pipe2");
  close(ends[1]);
  looseDescriptors(info.Env()).add(ends[0]);
  return Napi::Number::New(info.Env(), ends[0]);
}

// POLLIN: data can be read; POLLHUP: no writer is left (poll(2)).
int stateOf(int fd) {
  pollfd state = {fd, POLLIN, 0};
  return poll(&state, 1, 0) == 1 ? state.revents & (POLLIN | POLLHUP) : 0;
}

Napi::Value pollPipe(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) { return Napi::Number::New(info.Env(), stateOf(fd)); });
}

// Pipes and terminals are opened again, because O_NONBLOCK on a duplicate would also apply to other processes. If that fails, and
// for all other files, it is duplicated.
int openAgain(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -1;
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) {
    errno = EBADF;
    return -1;
  }
  if (isReopenable(fd)) {
    const int own = reopen(fd, O_WRONLY);
    if (own >= 0) return own;
  }
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

// Returns the number of bytes written, or a negative errno: EAGAIN if write would wait.
ssize_t writeNow(int fd, std::string_view bytes) {
  pollfd state = {fd, POLLOUT, 0};
  if (poll(&state, 1, 0) != 1) return -EAGAIN;
  ssize_t wrote = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (wrote < 0 && errno == ENOTSOCK) wrote = write(fd, bytes.data(), bytes.size());
  return wrote < 0 ? (errno == EINTR ? -EAGAIN : -errno) : wrote;
}

// → a new descriptor
Napi::Value openStatus(const Napi::CallbackInfo& info) {
  const int fd = numberOr(info[0], -1);
  const int own = openAgain(fd);
  if (own < 0) return checked(info.Env(), -1, "fcntl", "descriptor " + std::to_string(fd));
  looseDescriptors(info.Env()).add(own);
  return Napi::Number::New(info.Env(), own);
}

// → a new descriptor of the same end of a pipe, on which calls wait, and the pipe holds a megabyte: each side then works for longer before
// it has to wait for the other. For an ordinary user the kernel may leave it as it was (pipe(7), "pipe-user-pages-soft").
Napi::Value openWide(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) -> Napi::Value {
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0) return checked(info.Env(), -1, "fcntl", "descriptor " + std::to_string(fd));
    looseDescriptors(info.Env()).add(own);
    (void)fcntl(own, F_SETPIPE_SZ, 1 << 20);
    const int flags = fcntl(own, F_GETFL);
    if (flags < 0 || fcntl(own, F_SETFL, flags & ~O_NONBLOCK) < 0) return checked(info.Env(), -1, "fcntl", "F_SETFL");
    return Napi::Number::New(info.Env(), own);
  });
}

Napi::Value writeStatus(const Napi::CallbackInfo& info) {
  const auto line = viewOf(info[1]).value_or("");
  return Napi::Number::New(info.Env(), static_cast<double>(writeNow(numberOr(info[0], -1), line)));
}

}  // namespace

// Opening a pty master again would make another terminal (ptmx(4)).
bool isReopenable(int fd) {
  struct stat seen;
  unsigned int number;
  if (fstat(fd, &seen) < 0) return false;
  return S_ISFIFO(seen.st_mode) || (isatty(fd) == 1 && ioctl(fd, TIOCGPTN, &number) < 0);
}

bool isSpent(int fd) { return stateOf(fd) == POLLHUP; }

int reopen(int fd, int access) {
  char path[32];
  (void)std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  // Without O_NONBLOCK, open would wait for the other end of a named pipe (fifo(7)).
  const int own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0 || own > 2) return own;
  const int raised = fcntl(own, F_DUPFD_CLOEXEC, 3);
  close(own);
  return raised;
}

void initPipes(Napi::Env env, Napi::Object exports) {
  exports.Set("endedPipe", Napi::Function::New<endedPipe>(env, "endedPipe"));
  exports.Set("pollPipe", Napi::Function::New<pollPipe>(env, "pollPipe"));
  exports.Set("openWide", Napi::Function::New<openWide>(env, "openWide"));
  exports.Set("openStatus", Napi::Function::New<openStatus>(env, "openStatus"));
  exports.Set("writeStatus", Napi::Function::New<writeStatus>(env, "writeStatus"));
}

}  // namespace uchroot
