// spawn(request), and the calls for a started program: signals, pipes, release.

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
#include "../addon/loose.h"
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

// The positions of the keys of ProgramRequest, in the order of lib/native.ts, which alone makes this call. To read nine keys of an object
// here would take a twentieth of the time for which a launch holds the event loop.
enum Position : size_t { kPlan, kJail, kLauncherFd, kStdio, kKept, kGroup, kOnStarted, kOnExit, kSpaces, kOutbound };

ProcessGroup toGroup(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "released") return ProcessGroup::kReleased;
  return name == "killed" ? ProcessGroup::kEndsAtExit : ProcessGroup::kCallers;
}

bool readRequest(const Napi::CallbackInfo& info, LaunchRequest& request) {
  const Napi::Env env = info.Env();
  const auto plan = viewOf(info[kPlan]);
  const Napi::Value jail = info[kJail];
  if (!plan || !info[kStdio].IsArray() || !info[kKept].IsArray() || !(jail.IsNumber() || jail.IsExternal())) {
    wrongType(env, "spawn({plan, jail, launcherFd, stdio, kept, group, onStarted, onExit, spaces?, sendsSockets?})");
    return false;
  }
  const Napi::Array stdio = info[kStdio].As<Napi::Array>(), kept = info[kKept].As<Napi::Array>();
  request.plan = *plan;
  request.launcherFd = numberOr(info[kLauncherFd], -1);
  if (jail.IsNumber() && !copyDescriptor(env, numberOr(jail, -1), &request.jailFd)) return false;
  for (uint32_t i = 0; i < 3; i++) {
    const int source = numberOr(stdio.Get(i), kIgnore);
    request.stdio[i] = source < 0 ? source : kIgnore;
    if (source >= 0 && !copyStdio(env, source, &request.stdio[i])) return false;
  }
  for (uint32_t i = 0; i < kept.Length(); i++) {
    const Napi::Value each = kept.Get(i);
    if (!each.IsObject()) return false;
    const Napi::Object pair = each.As<Napi::Object>();
    int copy;
    if (!copyDescriptor(env, numberOr(pair.Get("fd"), -1), &copy)) return false;
    request.kept.push_back({copy, numberOr(pair.Get("target"), -1)});
  }
  if (isTrue(info[kOutbound])) request.outboundFd = kSocket;
  if (!info[kSpaces].IsArray()) return true;
  const Napi::Array spaces = info[kSpaces].As<Napi::Array>();
  // the open jail keeps them open until the launch is over
  for (uint32_t i = 0; i < spaces.Length(); i++) request.spaces.push_back(numberOr(spaces.Get(i), -1));
  return true;
}

// → the handle of the program
Napi::Value spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Programs& programs = toPrograms(info);
  if (const int error = programs.openExits(); error != 0) return checked(env, (errno = error, -1), "epoll_create1");
  LaunchRequest request;
  if (!info[kOnStarted].IsFunction() || !info[kOnExit].IsFunction() || !readRequest(info, request)) {
    closeCopies(request);
    return env.Undefined();
  }
  auto* process = new Process(programs, std::move(request), toSight(info[kJail]), toGroup(info[kGroup]),
                              info[kOnStarted].As<Napi::Function>(), info[kOnExit].As<Napi::Function>());
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
  const int signal = numberOr(info[1], 0);
  return Napi::Number::New(info.Env(), process == nullptr ? ESRCH : process->kill(signal));
}

// cpuTimeMs(handle) → milliseconds, or less than 0
Napi::Value cpuTimeMs(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  return Napi::Number::New(info.Env(), process == nullptr ? -1 : static_cast<double>(process->cpuUs()) / 1e3);
}

// killGroup(handle, signal) → errno
Napi::Value killGroup(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const int signal = numberOr(info[1], 0);
  return Napi::Number::New(info.Env(), process == nullptr ? ESRCH : process->killGroup(signal));
}

// release(handle, endsGroup), after onExit
Napi::Value release(const Napi::CallbackInfo& info) {
  if (Process* process = toProcess(info)) process->release(isTrue(info[1]));
  return info.Env().Undefined();
}

// keepAlive(handle, boolean): whether the event loop waits for the program
Napi::Value keepAlive(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  if (process == nullptr) return info.Env().Undefined();
  if (isTrue(info[1])) {
    process->ref();
  } else {
    process->unref();
  }
  return info.Env().Undefined();
}

// → descriptor, or -1. `isKept`: its content stays there until JS reads it or forgets it.
Napi::Value takePipe(const Napi::CallbackInfo& info, bool isKept) {
  Process* process = toProcess(info);
  int fd = process == nullptr ? -1 : process->takePipe(numberOr(info[1], 0));
  if (isKept && fd >= 0 && isSpent(fd)) closeIfOpen(fd);
  if (fd >= 0) looseDescriptors(info.Env()).add(fd, isKept);
  return Napi::Number::New(info.Env(), fd);
}

// takePipe(handle, 0…2)
Napi::Value takeLivePipe(const Napi::CallbackInfo& info) { return takePipe(info, false); }
// keepPipe(handle, 1 | 2): -1 if the pipe is empty and has no writer
Napi::Value keepPipe(const Napi::CallbackInfo& info) { return takePipe(info, true); }

// takeSent(handle, 0 | 3) → the descriptors that the plan has sent there
Napi::Value takeSent(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Process* process = toProcess(info);
  std::vector<int> fds;
  int socket = process == nullptr ? -1 : process->takePipe(numberOr(info[1], 0));
  const int error = receiveAll(socket, fds);
  closeIfOpen(socket);
  if (error != 0) return checked(env, (errno = error, -1), "recvmsg");
  return toDescriptors(env, fds);
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
  return toPrograms(info).calls().find<Process>(static_cast<uint32_t>(numberOr(info[0], 0)));
}

Programs::Programs(PendingCalls& calls) : PendingCall(calls, kKind) {}

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
  looseDescriptors(calls_.env()).closeAll();
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
  exports.Set("cpuTimeMs", Napi::Function::New(env, cpuTimeMs, "cpuTimeMs", programs));
  exports.Set("release", Napi::Function::New(env, release, "release", programs));
  exports.Set("takePipe", Napi::Function::New(env, takeLivePipe, "takePipe", programs));
  exports.Set("takeSent", Napi::Function::New(env, takeSent, "takeSent", programs));
  exports.Set("keepPipe", Napi::Function::New(env, keepPipe, "keepPipe", programs));
  exports.Set("keepAlive", Napi::Function::New(env, keepAlive, "keepAlive", programs));
  exports.Set("isDelegated", Napi::Function::New(env, isDelegated, "isDelegated"));
  initPipes(env, exports);
  initTerminal(env, exports, *programs);
}

}  // namespace uchroot
