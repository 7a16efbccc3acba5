// pipeTaken(fd), closePipe(fd), endedPipe(), pollPipe(fd)

#include "pipes.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../addon/values.h"

namespace uchroot {
namespace {

// What a pipe can hold (pipe(7)). So that the garbage collector runs before such pipes use up memory and descriptors.
constexpr int64_t kPipeBytes = 64 * 1024;

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

// → the end for reading of a pipe that has ended
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

// POLLIN: there is something to read; POLLHUP: nobody can write into it (poll(2)).
int stateOf(int fd) {
  pollfd state = {fd, POLLIN, 0};
  return poll(&state, 1, 0) == 1 ? state.revents & (POLLIN | POLLHUP) : 0;
}

Napi::Value pollPipe(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), stateOf(toFd(info))); }

}  // namespace

void LoosePipes::add(int fd, bool isKept) {
  struct stat seen;
  if (fstat(fd, &seen) < 0) return;  // of an open descriptor of a pipe it does not fail
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

// All streams of the worker are closed by now (Environment::RunCleanup() in Node's src/env.cc): what is still that pipe is
// nobody's.
void LoosePipes::closeAll() {
  for (const auto& [fd, pipe] : pipes_) {
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_dev == pipe.device && now.st_ino == pipe.inode) close(fd);
  }
  pipes_.clear();
}

bool isSpent(int fd) { return stateOf(fd) == POLLHUP; }

void initPipes(Napi::Env env, Napi::Object exports, LoosePipes* loose) {
  exports.Set("pipeTaken", Napi::Function::New(env, pipeTaken, "pipeTaken", loose));
  exports.Set("closePipe", Napi::Function::New(env, closePipe, "closePipe", loose));
  exports.Set("endedPipe", Napi::Function::New(env, endedPipe, "endedPipe", loose));
  exports.Set("pollPipe", Napi::Function::New(env, pollPipe, "pollPipe", loose));
}

}  // namespace uchroot
