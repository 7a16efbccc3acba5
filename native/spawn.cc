// spawn(request, onStarted, onExit): launches on a worker thread, waits for the status pipe and then for the
// pidfd on the event loop, and reaps by pidfd, so that no other child of the service is ever touched.

#include "spawn.h"

#include <cerrno>
#include <csignal>
#include <memory>
#include <unordered_set>

#include <fcntl.h>
#include <linux/wait.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "callback.h"
#include "exec.h"
#include "launch.h"
#include "values.h"

namespace uchroot {
namespace {

class Process;

// What one environment (the main thread, or one worker) has running.
struct Registry {
  explicit Registry(napi_env owner) : env(owner) {}
  napi_env env;
  uv_loop_t* loop = nullptr;
  bool mainThread = syscall(SYS_gettid) == getpid();
  bool closing = false;
  std::unordered_set<Process*> processes;
  napi_async_cleanup_hook_handle hook = nullptr;
};

void closeIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

class Process {
 public:
  Process(Registry* registry, LaunchRequest request, Napi::Function onStarted, Napi::Function onExit)
      : registry_(registry),
        request_(std::move(request)),
        onStarted_(Napi::Persistent(onStarted)),
        onExit_(Napi::Persistent(onExit)) {
    status_.data = this;
    exit_.data = this;
    registry_->processes.insert(this);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool queue() {
    const Napi::Env env(registry_->env);
    if (napi_create_async_work(
            env, nullptr, Napi::String::New(env, "uchroot.spawn"),
            [](napi_env, void* data) {
              Process* self = static_cast<Process*>(data);
              self->result_ = launch(self->request_);
            },
            [](napi_env, napi_status, void* data) { static_cast<Process*>(data)->launched(); }, this,
            &work_) != napi_ok) {
      return false;
    }
    return napi_queue_async_work(env, work_) == napi_ok;
  }

  // 0, or the errno of pidfd_send_signal(2); ESRCH once it has been reaped. While the worker thread launches it, the
  // result is not ours to read: the signal waits.
  int kill(int signal) {
    if (!launched_) {
      pendingSignal_ = signal;
      return 0;
    }
    if (result_.pidFd < 0) return ESRCH;
    return syscall(SYS_pidfd_send_signal, result_.pidFd, signal, nullptr, 0) < 0 ? errno : 0;
  }

  void ref() {
    if (exitOpen_) uv_ref(reinterpret_cast<uv_handle_t*>(&exit_));
  }
  void unref() {
    if (exitOpen_) uv_unref(reinterpret_cast<uv_handle_t*>(&exit_));
  }

  // A pipe that JS closes from now on; -1 if there is none. What it has not taken is closed here: a worker can end
  // before it has made a stream of it.
  int takePipe(int index) {
    const int taken = result_.pipes[index];
    result_.pipes[index] = -1;
    return taken;
  }

  // The environment ends. Of a worker's children nobody would ever collect the status: they end with it.
  // With the main thread the whole process ends, and init takes the children over.
  void shutDown() {
    silent_ = true;
    onStarted_.Reset();
    onExit_.Reset();
    if (!launched_) return;  // launched() comes first, sees that the registry is closing, and returns here
    closeStatus();
    if (!registry_->mainThread && !ended_) {
      const int refused = kill(SIGKILL);
      if (refused == 0 && exitOpen_) {
        ref();
        (void)uv_poll_start(&exit_, UV_READABLE, onExitReady);
        return;
      }
    }
    ended_ = true;
    closeExit();
    finishIfClosed();
  }

  void discard() {
    registry_->processes.erase(this);
    closeRequest();
    delete this;
  }

 private:
  ~Process() = default;

  void closeRequest() {
    for (int& fd : request_.stdio) {
      if (fd >= 0) closeIfOpen(fd);
    }
    for (LaunchRequest::Kept& kept : request_.kept) closeIfOpen(kept.source);
    closeIfOpen(request_.jailFd);
    request_.plan.clear();
    request_.plan.shrink_to_fit();
  }

  void launched() {
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    launched_ = true;
    (void)napi_delete_async_work(env, work_);
    closeRequest();
    if (result_.pid < 0) {
      ended_ = true;
      tellStarted(result_.failure);
      finishIfClosed();
      return;
    }
    if (pendingSignal_ != 0) (void)kill(pendingSignal_);
    // uv_poll_init can only fail for a descriptor that epoll does not take, or without memory.
    int error = uv_poll_init(registry_->loop, &status_, result_.statusFd);
    statusOpen_ = error == 0;
    if (error == 0) {
      error = uv_poll_init(registry_->loop, &exit_, result_.pidFd);
      exitOpen_ = error == 0;
    }
    if (error == 0) error = uv_poll_start(&status_, UV_READABLE, onStatusReady);
    if (registry_->closing) {
      shutDown();
    } else if (error != 0) {
      abandon(-error);
    } else {
      onStatusReady(&status_, 0, UV_READABLE);  // often it has happened already
    }
  }

  // The event loop cannot watch it: it must not run unwatched.
  void abandon(int error) {
    (void)kill(SIGKILL);
    siginfo_t info;
    (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED, nullptr);
    ended_ = true;
    closeStatus();
    closeExit();
    tellStarted({kNoStep, STAGE_DESCRIPTORS, error, 0});
    finishIfClosed();
  }

  static void onStatusReady(uv_poll_t* handle, int, int) {
    Process* self = static_cast<Process*>(handle->data);
    PlanFailure failure;
    const ssize_t got = read(self->result_.statusFd, &failure, sizeof failure);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    self->closeStatus();
    if (got == sizeof failure) {
      self->failure_ = failure;  // told once the launcher has been reaped
    } else if (!self->silent_) {
      self->tellStarted({kNoStep, 0, 0, 0});
    }
    if (self->silent_ || !self->exitOpen_) return;
    const int error = uv_poll_start(&self->exit_, UV_READABLE, onExitReady);
    if (error != 0) self->abandon(-error);
  }

  static void onExitReady(uv_poll_t* handle, int, int) {
    Process* self = static_cast<Process*>(handle->data);
    siginfo_t info = {};
    rusage usage = {};
    const long got = syscall(SYS_waitid, P_PIDFD, self->result_.pidFd, &info, WEXITED | WNOHANG, &usage);
    if (got < 0 && errno == EINTR) return;
    if (got == 0 && info.si_pid == 0) return;  // not yet
    // ECHILD: somebody else in this process waits for any child and took the status away.
    self->ended_ = true;
    self->closeExit();
    if (!self->silent_) {
      if (self->failure_.error != 0) {
        self->tellStarted(self->failure_);
      } else {
        self->tellExit(got < 0 ? nullptr : &info, usage);
      }
    }
    self->finishIfClosed();
  }

  // onStarted(failure | null, pid, [stdin, stdout, stderr]); of a failure the pipes are closed here.
  void tellStarted(const PlanFailure& failure) {
    const bool failed = failure.error != 0;
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    silent_ = silent_ || !mayCallJs(registry_->env);
    if (failed || silent_) {
      for (int& fd : result_.pipes) closeIfOpen(fd);
    }
    if (silent_) return;
    const Napi::Value told = failed ? Napi::Value(toObject(env, failure)) : env.Null();
    Napi::Array pipes = Napi::Array::New(env, 3);
    for (uint32_t i = 0; i < 3; i++) {
      pipes.Set(i, Napi::Number::New(env, result_.pipes[i]));
    }
    callJs(registry_->env, onStarted_, {told, Napi::Number::New(env, result_.pid), pipes});
  }

  // onExit(exitCode | null, signal number | null, usage numbers)
  void tellExit(const siginfo_t* info, const rusage& usage) {
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    if (!mayCallJs(registry_->env)) return;
    const bool exited = info != nullptr && info->si_code == CLD_EXITED;
    const bool killed = info != nullptr && !exited;
    const double numbers[] = {
        usage.ru_utime.tv_sec * 1e3 + usage.ru_utime.tv_usec / 1e3,
        usage.ru_stime.tv_sec * 1e3 + usage.ru_stime.tv_usec / 1e3,
        static_cast<double>(usage.ru_minflt),
        static_cast<double>(usage.ru_majflt),
        static_cast<double>(usage.ru_inblock),
        static_cast<double>(usage.ru_oublock),
        static_cast<double>(usage.ru_nvcsw),
        static_cast<double>(usage.ru_nivcsw),
    };
    Napi::Array list = Napi::Array::New(env, std::size(numbers));
    for (uint32_t i = 0; i < std::size(numbers); i++) list.Set(i, Napi::Number::New(env, numbers[i]));
    callJs(registry_->env, onExit_, {exited ? Napi::Value(Napi::Number::New(env, info->si_status)) : env.Null(),
                   killed ? Napi::Value(Napi::Number::New(env, info->si_status)) : env.Null(), list});
  }

  void closeStatus() {
    if (!statusOpen_) return;
    statusOpen_ = false;
    closeHandle(&status_);
  }
  void closeExit() {
    if (!exitOpen_) return;
    exitOpen_ = false;
    closeHandle(&exit_);
  }
  void closeHandle(uv_poll_t* handle) {
    closingHandles_++;
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
      Process* self = static_cast<Process*>(closed->data);
      self->closingHandles_--;
      self->finishIfClosed();
    });
  }

  // The last thing: both descriptors are closed only after uv has let go of them.
  void finishIfClosed() {
    if (!ended_ || closingHandles_ > 0 || statusOpen_ || exitOpen_ || finished_) return;
    finished_ = true;
    closeIfOpen(result_.statusFd);
    closeIfOpen(result_.pidFd);
    for (int& fd : result_.pipes) closeIfOpen(fd);  // those that JS never got
    onStarted_.Reset();
    onExit_.Reset();
    registry_->processes.erase(this);
    Registry* registry = registry_;
    if (slot_ != nullptr) *slot_ = nullptr;
    delete this;
    if (registry->closing && registry->processes.empty()) (void)napi_remove_async_cleanup_hook(registry->hook);
  }

 public:
  // Where JS keeps its pointer to this, to be cleared when this goes.
  Process** slot_ = nullptr;

 private:
  Registry* registry_;
  LaunchRequest request_;
  LaunchResult result_;
  PlanFailure failure_ = {kNoStep, 0, 0, 0};
  Napi::FunctionReference onStarted_;
  Napi::FunctionReference onExit_;
  napi_async_work work_ = nullptr;
  uv_poll_t status_ = {};
  uv_poll_t exit_ = {};
  int closingHandles_ = 0;
  int pendingSignal_ = 0;
  bool statusOpen_ = false;
  bool exitOpen_ = false;
  bool launched_ = false;
  bool ended_ = false;
  bool silent_ = false;
  bool finished_ = false;
};

// Copies of our own, at once: what the caller closes or reuses a moment later is not what the program gets.
bool copyDescriptor(Napi::Env env, int source, int* copy) {
  *copy = fcntl(source, F_DUPFD_CLOEXEC, 3);
  if (*copy >= 0) return true;
  throwErrno(env, errno, "fcntl", "descriptor " + std::to_string(source));
  return false;
}

void closeCopies(LaunchRequest& request) {
  for (int& fd : request.stdio) {
    if (fd >= 0) close(fd);
  }
  for (LaunchRequest::Kept& kept : request.kept) close(kept.source);
  if (request.jailFd >= 0) close(request.jailFd);
}

// An element of an array of numbers. By plain calls: in a worker that is being terminated reading one fails, and the
// wrapper's empty answer is fatal to ask for its value.
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
  if (!copyDescriptor(env, info[1].As<Napi::Number>().Int32Value(), &request.jailFd)) return false;
  for (uint32_t i = 0; i < 3; i++) {
    int source;
    if (!readNumber(stdio, i, &source)) return false;
    request.stdio[i] = source < 0 ? source : kIgnore;
    if (source >= 0 && !copyDescriptor(env, source, &request.stdio[i])) return false;
  }
  for (uint32_t i = 0; i < kept.Length(); i++) {
    int target, copy;
    if (!readNumber(kept, i, &target)) return false;
    if (!copyDescriptor(env, target, &copy)) return false;
    request.kept.push_back({copy, target});
  }
  return true;
}

// What JS holds of a process. It can outlive the process, which then clears the place.
using Handle = Napi::External<Process*>;

// spawn(plan, jailFd, launcherFd, stdio, kept, onStarted, onExit) → Handle
Napi::Value spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsArray() ||
      !info[4].IsArray() || !info[5].IsFunction() || !info[6].IsFunction()) {
    Napi::TypeError::New(env, "spawn(plan, jailFd, launcherFd, stdio, kept, onStarted, onExit)")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Registry* registry = static_cast<Registry*>(info.Data());
  LaunchRequest request;
  if (!readRequest(info, request)) {
    closeCopies(request);
    return env.Undefined();
  }
  auto* process =
      new Process(registry, std::move(request), info[5].As<Napi::Function>(), info[6].As<Napi::Function>());
  if (!process->queue()) {
    process->discard();
    throwErrno(env, ENOMEM, "napi_queue_async_work");
    return env.Undefined();
  }
  Process** slot = new Process*(process);
  process->slot_ = slot;
  return Handle::New(env, slot, [](Napi::Env, Process** held) {
    if (*held != nullptr) (*held)->slot_ = nullptr;
    delete held;
  });
}

// The process behind a handle; nullptr once it is gone.
Process* toProcess(const Napi::CallbackInfo& info) {
  return info[0].IsExternal() ? *info[0].As<Handle>().Data() : nullptr;
}

// killProcess(handle, signal) → errno
Napi::Value killProcess(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const int signal = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), process == nullptr ? ESRCH : process->kill(signal));
}

// keepAlive(handle, boolean): whether the event loop waits for it
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
  const int index = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), process == nullptr ? -1 : process->takePipe(index));
}

void onCleanup(napi_async_cleanup_hook_handle hook, void* data) {
  Registry* registry = static_cast<Registry*>(data);
  registry->closing = true;
  registry->hook = hook;
  const std::unordered_set<Process*> processes = registry->processes;
  for (Process* process : processes) process->shutDown();
  if (processes.empty()) (void)napi_remove_async_cleanup_hook(hook);
}

}  // namespace

void initSpawn(Napi::Env env, Napi::Object exports) {
  // Lives as long as the process: a few bytes for each environment that loads the addon.
  Registry* registry = new Registry(env);
  if (napi_get_uv_event_loop(env, &registry->loop) != napi_ok ||
      napi_add_async_cleanup_hook(env, onCleanup, registry, &registry->hook) != napi_ok) {
    Napi::Error::New(env, "the event loop cannot be reached").ThrowAsJavaScriptException();
    return;
  }
  exports.Set("spawn", Napi::Function::New(env, spawn, "spawn", registry));
  exports.Set("killProcess", Napi::Function::New<killProcess>(env, "killProcess"));
  exports.Set("takePipe", Napi::Function::New<takePipe>(env, "takePipe"));
  exports.Set("keepAlive", Napi::Function::New<keepAlive>(env, "keepAlive"));
}

}  // namespace uchroot
