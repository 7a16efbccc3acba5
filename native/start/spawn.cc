// spawn(…), and the calls for a started program: signals, pipes, release.

#include "spawn.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../accounts/host.h"
#include "../addon/init.h"
#include "../addon/values.h"
#include "../files/descriptor.h"
#include "launch.h"
#include "pipes.h"
#include "process.h"
#include "../terminal/rights.h"
#include "../terminal/terminalcalls.h"

namespace uchroot {
namespace {

// Descriptors are copied at once, because the caller may close or reuse its own.
bool copyDescriptor(Napi::Env env, int source, int* copy) {
  *copy = fcntl(source, F_DUPFD_CLOEXEC, 3);
  if (*copy >= 0) return true;
  throwErrno(env, errno, "fcntl", "descriptor " + std::to_string(source));
  return false;
}

// For descriptors 0 to 2, on which programs block. A non-blocking pipe is opened again. Otherwise the program's end would clear
// O_NONBLOCK for this process too, and the event loop would block when it reads the pipe.
bool copyStdio(Napi::Env env, int source, int* copy) {
  struct stat seen;
  const int flags = fcntl(source, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0 && fstat(source, &seen) == 0 && S_ISFIFO(seen.st_mode)) {
    *copy = reopen(source, flags & O_ACCMODE);
    if (*copy >= 0) return true;
  }
  return copyDescriptor(env, source, copy);
}

void closeCopies(LaunchRequest& request) {
  for (int& fd : request.stdio) {
    if (fd >= 0) close(fd);
  }
  for (LaunchRequest::Kept& kept : request.kept) close(kept.source);
  if (request.jailFd >= 0) close(request.jailFd);
}

// Reads a number from an array with plain N-API calls. They fail if the worker is being terminated; the C++ wrapper would abort
// on an empty value.
bool readNumber(const Napi::Array& array, uint32_t index, int* number) {
  napi_value element;
  return napi_get_element(array.Env(), array, index, &element) == napi_ok &&
         napi_get_value_int32(array.Env(), element, number) == napi_ok;
}

bool readRequest(const Napi::CallbackInfo& info, LaunchRequest& request) {
  const Napi::Env env = info.Env();
  const Napi::Uint8Array plan = info[0].As<Napi::Uint8Array>();
  request.plan.assign(reinterpret_cast<const char*>(plan.Data()), plan.ByteLength());
  request.launcherFd = info[2].As<Napi::Number>().Int32Value();
  const Napi::Array stdio = info[3].As<Napi::Array>();
  const Napi::Array kept = info[4].As<Napi::Array>();
  if (info[1].IsNumber() && !copyDescriptor(env, info[1].As<Napi::Number>().Int32Value(), &request.jailFd)) {
    return false;
  }
  for (uint32_t i = 0; i < 3; i++) {
    int source;
    if (!readNumber(stdio, i, &source)) return false;
    request.stdio[i] = source < 0 ? source : kIgnore;
    if (source >= 0 && !copyStdio(env, source, &request.stdio[i])) return false;
  }
  for (uint32_t i = 0; i + 1 < kept.Length(); i += 2) {
    int source, target, copy;
    if (!readNumber(kept, i, &source) || !readNumber(kept, i + 1, &target)) return false;
    if (!copyDescriptor(env, source, &copy)) return false;
    request.kept.push_back({copy, target});
  }
  if (!info[8].IsArray()) return true;
  const Napi::Array spaces = info[8].As<Napi::Array>();
  for (uint32_t i = 0; i < spaces.Length(); i++) {
    int space;
    if (!readNumber(spaces, i, &space)) return false;
    request.spaces.push_back(space);  // the open jail keeps it open until the launch is over
  }
  return true;
}

constexpr char kSpawnUsage[] = "spawn(plan, jail, launcherFd, stdio, moves, group, onStarted, onExit, spaces?)";

// → the handle of the program. `jail` is a descriptor, or a Sight of the host.
Napi::Value spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !(info[1].IsNumber() || info[1].IsExternal()) || !info[2].IsNumber() ||
      !info[3].IsArray() || !info[4].IsArray() || !info[5].IsNumber() || !info[6].IsFunction() ||
      !info[7].IsFunction()) {
    Napi::TypeError::New(env, kSpawnUsage).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Programs& programs = toPrograms(info);
  if (const int error = programs.openExits(); error != 0) {
    throwErrno(env, error, "epoll_create1");
    return env.Undefined();
  }
  LaunchRequest request;
  if (!readRequest(info, request)) {
    closeCopies(request);
    return env.Undefined();
  }
  const auto group = static_cast<ProcessGroup>(info[5].As<Napi::Number>().Int32Value());
  auto* process = new Process(programs, std::move(request), toSight(info[1]), group, info[6].As<Napi::Function>(),
                              info[7].As<Napi::Function>());
  if (!process->queue()) {
    delete process;
    throwErrno(env, EAGAIN, "pthread_create");
    return env.Undefined();
  }
  return Napi::Number::New(env, process->id());
}

// recall(handle, kills): cancels a launch. Returns whether nothing will be started, although onStarted may come late.
Napi::Value recall(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  return Napi::Boolean::New(info.Env(), process != nullptr && process->recall(isTrue(info[1])));
}

// killProcess(handle, signal) → errno
Napi::Value killProcess(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const int signal = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), process == nullptr ? ESRCH : process->kill(signal));
}

// killGroup(handle, signal) → errno
Napi::Value killGroup(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const int signal = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), process == nullptr ? ESRCH : process->killGroup(signal));
}

// release(handle, endsGroup), after onExit
Napi::Value release(const Napi::CallbackInfo& info) {
  if (Process* process = toProcess(info)) process->release(info[1].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

// keepAlive(handle, boolean): whether the event loop waits for the program
Napi::Value keepAlive(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  if (process == nullptr) return info.Env().Undefined();
  if (info[1].As<Napi::Boolean>().Value()) {
    process->ref();
  } else {
    process->unref();
  }
  return info.Env().Undefined();
}

// takePipe(handle, 0…2) → descriptor
Napi::Value takePipe(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const int fd = process == nullptr ? -1 : process->takePipe(info[1].As<Napi::Number>().Int32Value());
  if (fd >= 0) toPrograms(info).pipes().add(fd, false);
  return Napi::Number::New(info.Env(), fd);
}

// keepPipe(handle, 1 | 2) → descriptor, or -1 if the pipe is empty and has no writer
Napi::Value keepPipe(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  int fd = process == nullptr ? -1 : process->takePipe(info[1].As<Napi::Number>().Int32Value());
  if (fd >= 0 && isSpent(fd)) closeIfOpen(fd);
  if (fd >= 0) toPrograms(info).pipes().add(fd, true);
  return Napi::Number::New(info.Env(), fd);
}

// takeSpaces(handle) → descriptors of namespaces, or a negative errno
Napi::Value takeSpaces(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Process* process = toProcess(info);
  int fds[kMaxSpaces];
  int socket = process == nullptr ? -1 : process->takePipe(0);
  const int count = receiveDescriptors(socket, fds, kMaxSpaces);
  closeIfOpen(socket);
  if (count < 0) return Napi::Number::New(env, count);
  Napi::Array spaces = Napi::Array::New(env, static_cast<size_t>(count));
  for (int i = 0; i < count; i++) {
    spaces.Set(static_cast<uint32_t>(i), fds[i]);
    env.GetInstanceData<OpenJails>()->add(fds[i]);
  }
  return spaces;
}

// isDelegated(path): whether systemd has left a cgroup to its service. Which of the two marks there is depends on the version.
Napi::Value isDelegated(const Napi::CallbackInfo& info) {
  const auto path = toBytes(info[0], "path");
  if (!path) return info.Env().Undefined();
  char value = '0';
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    if (getxattr(path->c_str(), name, &value, 1) == 1 && value == '1') return Napi::Boolean::New(info.Env(), true);
  }
  return Napi::Boolean::New(info.Env(), false);
}

}  // namespace

Programs& toPrograms(const Napi::CallbackInfo& info) { return *static_cast<Programs*>(info.Data()); }

Process* toProcess(const Napi::CallbackInfo& info) {
  return toPrograms(info).calls().find<Process>(info[0].As<Napi::Number>().Uint32Value());
}

Programs::Programs(PendingCalls& calls) : PendingCall(calls, kKind), pipes_(calls.env()) {}

int Programs::openExits() {
  if (exitsFd_ >= 0) return 0;
  exitsFd_ = epoll_create1(EPOLL_CLOEXEC);
  if (exitsFd_ < 0) return errno;
  int error = uv_poll_init(calls_.loop(), &exits_, exitsFd_);
  if (error != 0) {
    closeIfOpen(exitsFd_);
    return -error;
  }
  exits_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&exits_));
  // uv_poll_start does not fail for an initialised handle.
  return -uv_poll_start(&exits_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<Programs*>(handle->data)->onExits();
  });
}

int Programs::watch(int operation, int fd, uint32_t id, uint32_t events, Watched kind) {
  const uint64_t data = id | static_cast<uint64_t>(kind) << 32;
  epoll_event event = {.events = events | EPOLLONESHOT, .data = {.u64 = data}};
  return epoll_ctl(exitsFd_, operation, fd, &event) < 0 ? errno : 0;
}

// At most 64 at a time: the epoll set stays ready for the rest.
void Programs::onExits() {
  epoll_event events[64];
  const int ready = epoll_wait(exitsFd_, events, std::size(events), 0);
  for (int i = 0; i < ready; i++) {
    auto* process = calls_.find<Process>(static_cast<uint32_t>(events[i].data.u64));
    if (process == nullptr) continue;
    if (static_cast<Watched>(events[i].data.u64 >> 32) == Watched::kTerminal) {
      process->onTerminalReady();
    } else {
      process->onExitReady();
    }
  }
}

void Programs::hold() {
  if (held_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&exits_));
}

void Programs::letGo() {
  if (--held_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&exits_));
}

void Programs::leave() {
  count_--;
  closeIfIdle();
}

void Programs::shutDown() {
  pipes_.closeAll();
  isClosing_ = true;
  closeIfIdle();
}

void Programs::closeIfIdle() {
  if (!isClosing_ || count_ > 0) return;
  if (exitsFd_ < 0) {
    delete this;
    return;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&exits_), [](uv_handle_t* closed) {
    auto* programs = static_cast<Programs*>(closed->data);
    close(programs->exitsFd_);
    delete programs;
  });
}

void initSpawn(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  auto* programs = new Programs(calls);
  exports.Set("spawn", Napi::Function::New(env, spawn, "spawn", programs));
  exports.Set("recall", Napi::Function::New(env, recall, "recall", programs));
  exports.Set("killProcess", Napi::Function::New(env, killProcess, "killProcess", programs));
  exports.Set("killGroup", Napi::Function::New(env, killGroup, "killGroup", programs));
  exports.Set("release", Napi::Function::New(env, release, "release", programs));
  exports.Set("takePipe", Napi::Function::New(env, takePipe, "takePipe", programs));
  exports.Set("takeSpaces", Napi::Function::New(env, takeSpaces, "takeSpaces", programs));
  exports.Set("keepPipe", Napi::Function::New(env, keepPipe, "keepPipe", programs));
  exports.Set("keepAlive", Napi::Function::New(env, keepAlive, "keepAlive", programs));
  exports.Set("isDelegated", Napi::Function::New(env, isDelegated, "isDelegated"));
  initPipes(env, exports, programs->pipes());
  initTerminal(env, exports, *programs);
}

}  // namespace uchroot
