// Pipes and the status descriptor for JS; see pipes.h.

#include "pipes.h"

#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../addon/values.h"

namespace uchroot {
namespace {

// The capacity of a pipe (pipe(7)). The garbage collector is told this size, so that it runs before kept pipes use up memory and
// descriptors.
constexpr int64_t kPipeBytes = int64_t{64} * 1024;

LoosePipes& toLoose(const Napi::CallbackInfo& info) { return *static_cast<LoosePipes*>(info.Data()); }

int toFd(const Napi::CallbackInfo& info) { return info[0].As<Napi::Number>().Int32Value(); }

Napi::Value pipeTaken(const Napi::CallbackInfo& info) {
  (void)toLoose(info).remove(toFd(info));
  return info.Env().Undefined();
}

Napi::Value closePipe(const Napi::CallbackInfo& info) {
  if (toLoose(info).remove(toFd(info))) close(toFd(info));
  return info.Env().Undefined();
}

// → the read end of a pipe that has ended
Napi::Value endedPipe(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    throwErrno(info.Env(), errno, "pipe2");
    return info.Env().Undefined();
  }
  close(ends[1]);
  toLoose(info).add(ends[0], false);
  return Napi::Number::New(info.Env(), ends[0]);
}

// POLLIN: data can be read; POLLHUP: no writer is left (poll(2)).
int stateOf(int fd) {
  pollfd state = {fd, POLLIN, 0};
  return poll(&state, 1, 0) == 1 ? state.revents & (POLLIN | POLLHUP) : 0;
}

Napi::Value pollPipe(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), stateOf(toFd(info))); }

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
ssize_t writeNow(int fd, const uint8_t* bytes, size_t count) {
  pollfd state = {fd, POLLOUT, 0};
  if (poll(&state, 1, 0) != 1) return -EAGAIN;
  ssize_t wrote = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (wrote < 0 && errno == ENOTSOCK) wrote = write(fd, bytes, count);
  return wrote < 0 ? (errno == EINTR ? -EAGAIN : -errno) : wrote;
}

// → a new descriptor, for closePipe()
Napi::Value openStatus(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const int own = openAgain(fd);
  if (own < 0) {
    throwErrno(info.Env(), errno, "fcntl", "descriptor " + std::to_string(fd));
    return info.Env().Undefined();
  }
  toLoose(info).add(own, false);
  return Napi::Number::New(info.Env(), own);
}

Napi::Value writeStatus(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array line = info[1].As<Napi::Uint8Array>();
  const int fd = info[0].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), static_cast<double>(writeNow(fd, line.Data(), line.ByteLength())));
}

}  // namespace

void LoosePipes::add(int fd, bool isKept) {
  struct stat seen;
  if (fstat(fd, &seen) < 0) return;  // fstat of an open pipe does not fail
  pipes_[fd] = {seen.st_dev, seen.st_ino, isKept};
  int64_t total;
  if (isKept) (void)napi_adjust_external_memory(env_, kPipeBytes, &total);
}

bool LoosePipes::remove(int fd) {
  const auto found = pipes_.find(fd);
  if (found == pipes_.end()) return false;
  int64_t total;
  if (found->second.isKept) (void)napi_adjust_external_memory(env_, -kPipeBytes, &total);
  pipes_.erase(found);
  return true;
}

// All streams of the worker are closed by now (Environment::RunCleanup() in Node's src/env.cc). So no stream owns a descriptor
// that is still the same pipe.
void LoosePipes::closeAll() {
  for (const auto& [fd, pipe] : pipes_) {
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_dev == pipe.device && now.st_ino == pipe.inode) close(fd);
  }
  pipes_.clear();
}

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

void initPipes(Napi::Env env, Napi::Object exports, LoosePipes& loose) {
  exports.Set("pipeTaken", Napi::Function::New(env, pipeTaken, "pipeTaken", &loose));
  exports.Set("closePipe", Napi::Function::New(env, closePipe, "closePipe", &loose));
  exports.Set("endedPipe", Napi::Function::New(env, endedPipe, "endedPipe", &loose));
  exports.Set("pollPipe", Napi::Function::New(env, pollPipe, "pollPipe"));
  exports.Set("openStatus", Napi::Function::New(env, openStatus, "openStatus", &loose));
  exports.Set("writeStatus", Napi::Function::New(env, writeStatus, "writeStatus"));
}

}  // namespace uchroot
