// spawn(request, onStarted, onExit): launches on a thread of the crew, which also waits for the program to be executed;
// waits for the pidfds on the event loop, and reaps by pidfd, so that no other child of the service is ever touched.

#include "spawn.h"

#include <cerrno>
#include <csignal>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/wait.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "callback.h"
#include "crew.h"
#include "exec.h"
#include "host.h"
#include "launch.h"
#include "likeness.h"
#include "pipes.h"
#include "status.h"
#include "values.h"

namespace uchroot {
namespace {

class Process;

// What one environment (the main thread, or one worker) has running.
struct Registry {
  explicit Registry(napi_env owner) : env(owner), pipes(owner) {}
  napi_env env;
  uv_loop_t* loop = nullptr;
  const pid_t tid = static_cast<pid_t>(syscall(SYS_gettid));
  const bool mainThread = tid == getpid();
  bool closing = false;
  std::unordered_map<uint32_t, Process*> processes;  // by the number that JS has
  uint32_t lastId = 0;
  napi_async_cleanup_hook_handle hook = nullptr;
  // From the crew's threads back to the loop, which stays alive for those that are under way.
  uv_async_t arrival = {};
  size_t underWay = 0;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Process*> arrived;
  LoosePipes pipes;
  // The pidfds of all of them are in one epoll set, which the loop watches: a handle of its own for each would be six calls.
  // It stays alive for those that it awaits.
  int exitsFd = -1;
  uv_poll_t exits = {};
  size_t awaited = 0;

  // Opened for the first one: a command never has any. 0, or an errno.
  int openExits();
};

void closeIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

void removeHook(uv_handle_t* handle) {
  (void)napi_remove_async_cleanup_hook(static_cast<Registry*>(handle->data)->hook);
}

// When the environment ends, and nothing of it runs any more.
void closeIfIdle(Registry* registry) {
  if (!registry->closing || !registry->processes.empty()) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&registry->arrival), [](uv_handle_t* arrival) {
    Registry* closing = static_cast<Registry*>(arrival->data);
    if (closing->exitsFd < 0) return removeHook(arrival);
    uv_close(reinterpret_cast<uv_handle_t*>(&closing->exits), [](uv_handle_t* exits) {
      closeIfOpen(static_cast<Registry*>(exits->data)->exitsFd);
      removeHook(exits);
    });
  });
}

// The process group of a program.
enum class Group {
  kCallers,
  kReleased,    // its own: the leader is reaped when JS releases it
  kEndsAtExit,  // its own: what is left of it is killed before the leader is reaped
};

class Process final : public Task {
 public:
  Process(Registry* registry, LaunchRequest request, std::shared_ptr<const HostSight> sight, Group group,
          Napi::Function onStarted, Napi::Function onExit)
      : registry_(registry),
        group_(group),
        request_(std::move(request)),
        sight_(std::move(sight)),
        onStarted_(Napi::Persistent(onStarted)),
        onExit_(Napi::Persistent(onExit)) {
    status_.data = this;
    request_.recall = &recall_;
    thread_ = threadFor(request_.plan);
    do id_ = ++registry_->lastId;
    while (!registry_->processes.emplace(id_, this).second);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool queue() {
    if (!submit(*this, thread_)) return false;
    if (registry_->underWay++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&registry_->arrival));
    return true;
  }

  void run(Worker& worker) override {
    if (!recall_.isWanted && lookAgain()) result_.failure = worker.prepare(request_.plan);
    if (!changed_ && result_.failure.error == 0) {
      becomeLike(registry_->tid);
      request_.isBatch = worker.isBatch;
      result_ = launch(request_);
      closeRequest();
      if (result_.statusFd >= 0) recall_.isLate = readStatus();
    }
    arrive();
  }

  // The program does not run, or is killed at once; but one that is known to run is left to kill().
  void recall() {
    recall_.isWanted = true;
    if (withdraw(*this, thread_)) {
      result_.failure = {kNoStep, STAGE_EXECUTE, ECANCELED, 0};
      return arrive();
    }
    // open until this is deleted, which happens on this thread
    const int pidFd = recall_.pidFd;
    if (pidFd >= 0 && !recall_.isLate) (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
  }

  // On the loop, after run().
  void land() {
    if (--registry_->underWay == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&registry_->arrival));
    launched();
  }

  // 0, or the errno of pidfd_send_signal(2); ESRCH once it has been reaped. Once it has been launched: until then the
  // result is not ours to read.
  int kill(int signal) {
    if (result_.pidFd < 0) return ESRCH;
    return syscall(SYS_pidfd_send_signal, result_.pidFd, signal, nullptr, 0) < 0 ? errno : 0;
  }

  // To the program's process group if that is its own, and to the program wherever that has gone. 0, or an errno. A group
  // keeps its number for as long as its leader has not been reaped.
  int killGroup(int signal) {
    if (group_ == Group::kCallers || ended_) return kill(signal);
    const bool isInside = getpgid(result_.pid) == result_.pid;
    const int own = isInside ? 0 : kill(signal);
    const int group = ::kill(-result_.pid, signal) < 0 ? errno : 0;
    return isInside ? group : own;
  }

  void ref() {
    if (!watched_ || awaited_) return;
    awaited_ = true;
    if (registry_->awaited++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&registry_->exits));
  }
  void unref() {
    if (!awaited_) return;
    awaited_ = false;
    if (--registry_->awaited == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&registry_->exits));
  }

  // It seems to have ended.
  void onExitReady() {
    siginfo_t info = {};
    rusage usage = {};
    const bool isOver = failure_.error == 0 && !silent_;
    if (isOver && group_ == Group::kEndsAtExit) (void)::kill(-result_.pid, SIGKILL);
    const bool isKept = isOver && group_ == Group::kReleased;
    const int options = WEXITED | WNOHANG | (isKept ? WNOWAIT : 0);
    const long got = syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, options, &usage);
    if ((got < 0 && errno == EINTR) || (got == 0 && info.si_pid == 0)) {  // not yet: who traces it comes first
      (void)control(EPOLL_CTL_MOD);
      return;
    }
    // ECHILD: somebody else in this process waits for any child and took the status away.
    ended_ = !isKept || got < 0;
    unwatch();
    hasExited_ = telling_ = true;
    if (!silent_) {
      if (failure_.error != 0) {
        tellStarted(failure_);
      } else {
        tellExit(got < 0 ? nullptr : &info, usage);
      }
    }
    telling_ = false;
    for (int& fd : result_.pipes) closeIfOpen(fd);  // those that JS has not kept
    finishIfClosed();
  }

  // The leader of a group has ended and is reaped. `endsGroup`: what is left of the group is killed first.
  void release(bool endsGroup) {
    if (ended_ || !hasExited_) return;
    if (endsGroup) (void)::kill(-result_.pid, SIGKILL);
    siginfo_t info;
    (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED | WNOHANG, nullptr);
    ended_ = true;
    finishIfClosed();
  }

  // A pipe that JS closes from now on; -1 if there is none. What it has not taken is closed here.
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
    recall_.isWanted = true;
    if (!launched_) return;  // launched() comes first, sees that the registry is closing, and returns here
    closeStatus();
    if (hasExited_ && !ended_) return release(!registry_->mainThread);
    if (!registry_->mainThread && !ended_ && killGroup(SIGKILL) == 0 && watch() == 0) return ref();
    ended_ = true;
    unwatch();
    finishIfClosed();
  }

  void discard() {
    registry_->processes.erase(id_);
    delete this;
  }
  uint32_t id() const { return id_; }

 private:
  ~Process() {
    closeRequest();
    closeIfOpen(request_.jailFd);
    closeIfOpen(result_.statusFd);
    closeIfOpen(result_.pidFd);
    for (int& fd : result_.pipes) closeIfOpen(fd);  // those that JS never got
  }

  // The plan was made from what the host said last time. If it says something else now, nothing is launched.
  bool lookAgain() {
    if (sight_ == nullptr) return true;
    changed_ = !sight_->isStillTrue(&request_.jailFd);
    return !changed_;
  }

  // False if there is more to come.
  bool readStatus() {
    PlanFailure record;
    for (;;) {
      const ssize_t got = read(result_.statusFd, &record, sizeof record);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return false;
      if (got != sizeof record) break;
      failure_ = record;
    }
    if (failure_.error == 0) closeIfOpen(request_.jailFd);
    return statusKnown_ = true;
  }

  void arrive() {
    Registry* registry = registry_;  // once it is in the list, the loop may delete this at any time
    pthread_mutex_lock(&registry->mutex);
    registry->arrived.push_back(this);
    (void)uv_async_send(&registry->arrival);  // in here: out of it the loop may have closed the handle
    pthread_mutex_unlock(&registry->mutex);
  }

  // What only the launcher needed. The jail stays open, as long as a failure may have to be looked into.
  void closeRequest() {
    for (int& fd : request_.stdio) {
      if (fd >= 0) closeIfOpen(fd);
    }
    for (LaunchRequest::Kept& kept : request_.kept) closeIfOpen(kept.source);
    request_.plan = {};
  }

  void launched() {
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    launched_ = true;
    if (result_.pid < 0) {
      ended_ = true;
      tellStarted(result_.failure);
      finishIfClosed();
      return;
    }
    int error = 0;
    if (!statusKnown_) {
      // it can only fail for a descriptor that epoll does not take, or without memory
      error = uv_poll_init(registry_->loop, &status_, result_.statusFd);
      statusOpen_ = error == 0;
      if (error == 0) error = uv_poll_start(&status_, UV_READABLE, onStatusReady);
    }
    if (registry_->closing) {
      shutDown();
    } else if (error != 0) {
      abandon(-error);
    } else if (statusKnown_) {
      proceed();
    }
  }

  // The event loop cannot watch it: it must not run unwatched.
  void abandon(int error) {
    (void)kill(SIGKILL);
    siginfo_t info;
    (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED, nullptr);
    ended_ = true;
    closeStatus();
    unwatch();
    tellStarted({kNoStep, STAGE_DESCRIPTORS, error, 0});
    finishIfClosed();
  }

  static void onStatusReady(uv_poll_t* handle, int, int) {
    Process* self = static_cast<Process*>(handle->data);
    if (!self->readStatus()) return;
    self->closeStatus();
    self->proceed();
  }

  // The status is known: the program runs, or the launcher has failed and is about to end.
  void proceed() {
    if (silent_) return;
    if (const int error = watch(); error != 0) return abandon(error);
    if (failure_.error == 0) tellStarted({kNoStep, 0, 0, 0});
  }

  // Once for each time that it is ready: its descriptor can be closed while a fork of the service has it still.
  int control(int operation) {
    epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data = {.u32 = id_}};
    return epoll_ctl(registry_->exitsFd, operation, result_.pidFd, &event) < 0 ? errno : 0;
  }

  // 0, or an errno.
  int watch() {
    if (watched_) return 0;
    if (const int error = registry_->openExits(); error != 0) return error;
    if (const int error = control(EPOLL_CTL_ADD); error != 0) return error;
    watched_ = true;
    ref();
    return 0;
  }
  void unwatch() {
    unref();
    watched_ = false;
  }

  // onStarted(null, pid), or onStarted(failure, jailFd), of which the pipes are closed here; the descriptor, for whoever
  // looks what was wrong, is JS's to close, and -1 if the jail was JS's own. onStarted(undefined): the host has changed.
  void tellStarted(const PlanFailure& failure) {
    const bool failed = failure.error != 0;
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    silent_ = silent_ || !mayCallJs(registry_->env);
    if (failed || silent_ || changed_) {
      for (int& fd : result_.pipes) closeIfOpen(fd);
    }
    if (silent_) return;
    if (changed_) return callJs(registry_->env, onStarted_, {env.Undefined()});
    if (!failed) return callJs(registry_->env, onStarted_, {env.Null(), Napi::Number::New(env, result_.pid)});
    int jailFd = -1;
    if (sight_ != nullptr && request_.jailFd >= 0) {
      std::swap(jailFd, request_.jailFd);
      env.GetInstanceData<OpenJails>()->add(jailFd);
    }
    callJs(registry_->env, onStarted_, {toObject(env, failure), Napi::Number::New(env, jailFd)});
  }

  // onExit(exitCode | null, signal number | null, usage: eight numbers)
  void tellExit(const siginfo_t* info, const rusage& usage) {
    const Napi::Env env(registry_->env);
    const Napi::HandleScope scope(env);
    if (!mayCallJs(registry_->env)) return;
    const bool exited = info != nullptr && info->si_code == CLD_EXITED;
    const bool killed = info != nullptr && !exited;
    const auto number = [&](double value) -> napi_value { return Napi::Number::New(env, value); };
    const auto milliseconds = [&](const timeval& time) { return number(time.tv_sec * 1e3 + time.tv_usec / 1e3); };
    callJs(registry_->env, onExit_,
           {exited ? number(info->si_status) : env.Null(), killed ? number(info->si_status) : env.Null(),
            milliseconds(usage.ru_utime), milliseconds(usage.ru_stime), number(usage.ru_minflt),
            number(usage.ru_majflt), number(usage.ru_inblock), number(usage.ru_oublock), number(usage.ru_nvcsw),
            number(usage.ru_nivcsw)});
  }

  void closeStatus() {
    if (!statusOpen_) return;
    statusOpen_ = false;
    statusCloses_ = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&status_), [](uv_handle_t* closed) {
      Process* self = static_cast<Process*>(closed->data);
      self->statusCloses_ = false;
      self->finishIfClosed();
    });
  }

  // The last thing: a descriptor is closed only after uv has let go of it.
  void finishIfClosed() {
    if (!ended_ || statusCloses_ || statusOpen_ || watched_ || telling_ || finished_) return;
    finished_ = true;
    onStarted_.Reset();
    onExit_.Reset();
    registry_->processes.erase(id_);
    Registry* registry = registry_;
    delete this;
    closeIfIdle(registry);
  }

  Registry* registry_;
  uint32_t id_ = 0;
  const Group group_;
  LaunchRequest request_;
  const std::shared_ptr<const HostSight> sight_;
  Thread thread_;
  Recall recall_;
  LaunchResult result_;
  // The last that the launcher has said, told once that has been reaped; until then that it never came to execve.
  PlanFailure failure_ = {kNoStep, STAGE_EXECUTE, ECANCELED, 0};
  Napi::FunctionReference onStarted_;
  Napi::FunctionReference onExit_;
  uv_poll_t status_ = {};
  bool statusOpen_ = false;
  bool statusCloses_ = false;
  bool watched_ = false;
  bool awaited_ = false;
  bool changed_ = false;
  bool statusKnown_ = false;
  bool launched_ = false;
  bool hasExited_ = false;
  bool telling_ = false;  // JS its exit, which can make it call us
  bool ended_ = false;    // and reaped
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
  if (info[1].IsNumber() && !copyDescriptor(env, info[1].As<Napi::Number>().Int32Value(), &request.jailFd)) {
    return false;
  }
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

constexpr char kSpawnUsage[] = "spawn(plan, jail, launcherFd, stdio, kept, group, onStarted, onExit)";

// → the number of the process. `jail` is a descriptor, or what was seen of the host.
Napi::Value spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !(info[1].IsNumber() || info[1].IsExternal()) || !info[2].IsNumber() ||
      !info[3].IsArray() || !info[4].IsArray() || !info[5].IsNumber() || !info[6].IsFunction() ||
      !info[7].IsFunction()) {
    Napi::TypeError::New(env, kSpawnUsage).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Registry* registry = static_cast<Registry*>(info.Data());
  LaunchRequest request;
  if (!readRequest(info, request)) {
    closeCopies(request);
    return env.Undefined();
  }
  auto* process = new Process(registry, std::move(request), toSight(info[1]), static_cast<Group>(info[5].As<Napi::Number>().Int32Value()),
                              info[6].As<Napi::Function>(), info[7].As<Napi::Function>());
  if (!process->queue()) {
    process->discard();
    throwErrno(env, EAGAIN, "pthread_create");
    return env.Undefined();
  }
  return Napi::Number::New(env, process->id());
}

// The process that JS means; nullptr once it is gone.
Process* toProcess(const Napi::CallbackInfo& info) {
  const auto& processes = static_cast<Registry*>(info.Data())->processes;
  const auto found = processes.find(info[0].As<Napi::Number>().Uint32Value());
  return found == processes.end() ? nullptr : found->second;
}

// recall(handle): calls a launch off
Napi::Value recall(const Napi::CallbackInfo& info) {
  if (Process* process = toProcess(info)) process->recall();
  return info.Env().Undefined();
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
  const int fd = process == nullptr ? -1 : process->takePipe(info[1].As<Napi::Number>().Int32Value());
  if (fd >= 0) static_cast<Registry*>(info.Data())->pipes.add(fd, false);
  return Napi::Number::New(info.Env(), fd);
}

// keepPipe(handle, 1 | 2) → descriptor, or -1 if there is nothing to read in it and never will be
Napi::Value keepPipe(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  int fd = process == nullptr ? -1 : process->takePipe(info[1].As<Napi::Number>().Int32Value());
  if (fd >= 0 && isSpent(fd)) closeIfOpen(fd);
  if (fd >= 0) static_cast<Registry*>(info.Data())->pipes.add(fd, true);
  return Napi::Number::New(info.Env(), fd);
}

void onCleanup(napi_async_cleanup_hook_handle hook, void* data) {
  Registry* registry = static_cast<Registry*>(data);
  registry->closing = true;
  registry->hook = hook;
  registry->pipes.closeAll();
  const auto processes = registry->processes;
  for (const auto& [id, process] : processes) process->shutDown();
  if (processes.empty()) closeIfIdle(registry);
}

// The set stays ready for those that do not fit in at once.
void onExits(uv_poll_t* handle, int, int) {
  Registry* registry = static_cast<Registry*>(handle->data);
  epoll_event events[64];
  const int ready = epoll_wait(registry->exitsFd, events, std::size(events), 0);
  for (int i = 0; i < ready; i++) {
    const auto found = registry->processes.find(events[i].data.u32);
    if (found != registry->processes.end()) found->second->onExitReady();
  }
}

int Registry::openExits() {
  if (exitsFd >= 0) return 0;
  exitsFd = epoll_create1(EPOLL_CLOEXEC);
  if (exitsFd < 0) return errno;
  int error = uv_poll_init(loop, &exits, exitsFd);
  if (error != 0) {
    closeIfOpen(exitsFd);
    return -error;
  }
  exits.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&exits));
  // of an initialised handle it does not fail
  return -uv_poll_start(&exits, UV_READABLE, onExits);
}

void onArrival(uv_async_t* handle) {
  Registry* registry = static_cast<Registry*>(handle->data);
  std::vector<Process*> arrived;
  pthread_mutex_lock(&registry->mutex);
  arrived.swap(registry->arrived);
  pthread_mutex_unlock(&registry->mutex);
  for (Process* process : arrived) process->land();
}

}  // namespace

void initSpawn(Napi::Env env, Napi::Object exports) {
  // Lives as long as the process: a few bytes for each environment that loads the addon.
  Registry* registry = new Registry(env);
  if (napi_get_uv_event_loop(env, &registry->loop) != napi_ok ||
      uv_async_init(registry->loop, &registry->arrival, onArrival) != 0 ||
      napi_add_async_cleanup_hook(env, onCleanup, registry, &registry->hook) != napi_ok) {
    Napi::Error::New(env, "the event loop cannot be reached").ThrowAsJavaScriptException();
    return;
  }
  registry->arrival.data = registry;
  uv_unref(reinterpret_cast<uv_handle_t*>(&registry->arrival));
  exports.Set("spawn", Napi::Function::New(env, spawn, "spawn", registry));
  exports.Set("recall", Napi::Function::New(env, recall, "recall", registry));
  exports.Set("killProcess", Napi::Function::New(env, killProcess, "killProcess", registry));
  exports.Set("killGroup", Napi::Function::New(env, killGroup, "killGroup", registry));
  exports.Set("release", Napi::Function::New(env, release, "release", registry));
  exports.Set("takePipe", Napi::Function::New(env, takePipe, "takePipe", registry));
  exports.Set("keepPipe", Napi::Function::New(env, keepPipe, "keepPipe", registry));
  initPipes(env, exports, &registry->pipes);
  initStatus(env, exports, &registry->pipes);
  exports.Set("keepAlive", Napi::Function::New(env, keepAlive, "keepAlive", registry));
}

}  // namespace uchroot
