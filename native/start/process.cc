// A program that runs: its signals, its end, and what JS is told.

#include "process.h"

#include <utility>

#include <linux/wait.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/callback.h"
#include "../files/descriptor.h"
#include "exec.h"

namespace uchroot {

int Process::kill(int signal) {
  if (result_.pidFd < 0) return ESRCH;
  return syscall(SYS_pidfd_send_signal, result_.pidFd, signal, nullptr, 0) < 0 ? errno : 0;
}

int Process::killGroup(int signal) {
  if (group_ == ProcessGroup::kCallers || ended_) return kill(signal);
  const bool isInside = getpgid(result_.pid) == result_.pid;
  const int own = isInside ? 0 : kill(signal);
  const int group = ::kill(-result_.pid, signal) < 0 ? errno : 0;
  return isInside ? group : own;
}

void Process::ref() {
  if (!watched_ || awaited_) return;
  awaited_ = true;
  if (registry_->awaited++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&registry_->exits));
}

void Process::unref() {
  if (!awaited_) return;
  awaited_ = false;
  if (--registry_->awaited == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&registry_->exits));
}

void Process::onExitReady() {
  siginfo_t info = {};
  rusage usage = {};
  const bool isOver = failure_.error == 0 && !silent_;
  if (isOver && group_ == ProcessGroup::kEndsAtExit) (void)::kill(-result_.pid, SIGKILL);
  const bool isKept = isOver && group_ == ProcessGroup::kReleased;
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

void Process::release(bool endsGroup) {
  if (ended_ || !hasExited_) return;
  if (endsGroup) (void)::kill(-result_.pid, SIGKILL);
  siginfo_t info;
  (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED | WNOHANG, nullptr);
  ended_ = true;
  finishIfClosed();
}

int Process::takePipe(int index) {
  const int taken = result_.pipes[index];
  result_.pipes[index] = -1;
  return taken;
}

void Process::shutDown() {
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

void Process::discard() {
  registry_->processes.erase(id_);
  delete this;
}

int Process::control(int operation) {
  epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data = {.u32 = id_}};
  return epoll_ctl(registry_->exitsFd, operation, result_.pidFd, &event) < 0 ? errno : 0;
}

int Process::watch() {
  if (watched_) return 0;
  if (const int error = control(EPOLL_CTL_ADD); error != 0) return error;
  watched_ = true;
  ref();
  return 0;
}

void Process::unwatch() {
  unref();
  watched_ = false;
}

void Process::tellStarted(const PlanFailure& failure) {
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

void Process::tellExit(const siginfo_t* info, const rusage& usage) {
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

void Process::closeStatus() {
  if (!statusOpen_) return;
  statusOpen_ = false;
  statusCloses_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&status_), [](uv_handle_t* closed) {
    Process* self = static_cast<Process*>(closed->data);
    self->statusCloses_ = false;
    self->finishIfClosed();
  });
}

void Process::finishIfClosed() {
  if (!ended_ || statusCloses_ || statusOpen_ || watched_ || telling_ || finished_) return;
  finished_ = true;
  onStarted_.Reset();
  onExit_.Reset();
  registry_->processes.erase(id_);
  Registry* registry = registry_;
  delete this;
  registry->closeIfIdle();
}

}  // namespace uchroot
