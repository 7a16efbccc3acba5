// A program on the event loop: from its launch to its end, and the calls to JS.

#include "process.h"

#include <utility>

#include <linux/wait.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/loose.h"
#include "../addon/values.h"
#include "../files/descriptor.h"
#include "exec.h"

namespace uchroot {
namespace {

// A child without an exit signal too. One that is born in a kept user namespace has none before execve.
constexpr int kAny = __WALL;

}  // namespace

int Process::kill(int signal) {
  if (state_ == State::kLaunching || result_.pidFd < 0) return ESRCH;
  if (signal == SIGKILL && cgroup_ != nullptr) cgroup_->kill();
  return syscall(SYS_pidfd_send_signal, result_.pidFd, signal, nullptr, 0) < 0 ? errno : 0;
}

int Process::killGroup(int signal) {
  // An init passes the signal on to the group of its program.
  if (request_.namespaces != 0) return kill(signal);
  if (group_ == ProcessGroup::kCallers || state_ == State::kLaunching || state_ == State::kGone) return kill(signal);
  if (signal == SIGKILL && cgroup_ != nullptr) cgroup_->kill();
  const bool isInside = getpgid(result_.pid) == result_.pid;
  const int own = isInside ? 0 : kill(signal);
  const int group = ::kill(-result_.pid, signal) < 0 ? errno : 0;
  return isInside ? group : own;
}

void Process::ref() {
  if (state_ != State::kRunning || std::exchange(isHeld_, true)) return;
  programs_.hold();
}

void Process::unref() {
  if (std::exchange(isHeld_, false)) programs_.letGo();
}

void Process::land() {
  calls_.letGo();
  state_ = State::kStarting;
  if (result_.pid < 0) {
    state_ = State::kGone;
    tellStarted(result_.failure);
    return deleteIfUnused();
  }
  const bool isKnown = result_.statusFd < 0;
  const int error = isKnown ? 0 : pollStatus();
  if (calls_.isClosing()) return shutDown();
  if (error != 0) return abandon(error);
  if (isKnown) proceed();
}

// Fails only without memory, or for a descriptor that epoll does not accept.
int Process::pollStatus() {
  int error = uv_poll_init(calls_.loop(), &status_, result_.statusFd);
  if (error != 0) return -error;
  users_++;
  status_.data = this;
  return -uv_poll_start(&status_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<Process*>(handle->data)->onStatusReady();
  });
}

void Process::onStatusReady() {
  if (!readStatus()) return;
  closeStatus();
  proceed();
}

void Process::closeStatus() {
  auto* handle = reinterpret_cast<uv_handle_t*>(&status_);
  if (handle->data == nullptr || uv_is_closing(handle)) return;
  // At once: onExitReady() can come before uv calls back.
  if (request_.namespaces != 0) endFd_ = std::exchange(result_.statusFd, -1);
  uv_close(handle, [](uv_handle_t* closed) {
    auto* self = static_cast<Process*>(closed->data);
    closeIfOpen(self->result_.statusFd);
    self->users_--;
    self->deleteIfUnused();
  });
}

void Process::proceed() {
  if (calls_.isClosing()) return;
  if (const int error = failure_.error == 0 ? takeTerminal() : 0; error != 0) return abandon(error);
  if (const int error = watch(); error != 0) return abandon(error);
  if (failure_.error == 0) tellStarted({kNoStep, 0, 0, 0});
}

void Process::abandon(int error) {
  (void)kill(SIGKILL);
  siginfo_t info;
  (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED | kAny, nullptr);
  closeStatus();
  finish();
  tellStarted({kNoStep, static_cast<uint32_t>(error == ECANCELED ? PHASE_EXECUTE : PHASE_DESCRIPTORS), error, 0});
  deleteIfUnused();
}

int Process::watch() {
  if (state_ == State::kRunning) return 0;
  if (const int error = programs_.watch(EPOLL_CTL_ADD, result_.pidFd, id()); error != 0) return error;
  state_ = State::kRunning;
  ref();
  return 0;
}

void Process::onExitReady() {
  if (state_ != State::kRunning) return;
  if (cgroup_ != nullptr && !calls_.isClosing() && !std::exchange(isCounted_, true)) return countUse();
  siginfo_t info = {};
  rusage usage = {};
  const bool isOver = failure_.error == 0 && !calls_.isClosing();
  if (isOver && group_ == ProcessGroup::kEndsAtExit) (void)::kill(-result_.pid, SIGKILL);
  const bool isKept = isOver && group_ == ProcessGroup::kReleased;
  const int options = WEXITED | WNOHANG | kAny | (isKept ? WNOWAIT : 0);
  const long got = syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, options, &usage);
  if ((got < 0 && errno == EINTR) || (got == 0 && info.si_pid == 0)) {  // not yet: a tracer is notified first
    (void)programs_.watch(EPOLL_CTL_MOD, result_.pidFd, id());
    return;
  }
  // ECHILD: other code in this process has reaped the child, so its status is lost.
  unref();
  state_ = isKept && got == 0 ? State::kExited : State::kGone;
  if (!calls_.isClosing()) {
    users_++;  // JS may release the process during the call
    if (failure_.error != 0) {
      tellStarted(use_ ? explainFailure(failure_, cgroup_->step(), *use_) : failure_);
    } else {
      readEnd(info);
      tellExit(got < 0 ? nullptr : &info, usage);
    }
    users_--;
  }
  for (int& fd : result_.pipes) closeIfOpen(fd);
  terminal_.hangUp();
  deleteIfUnused();
}

// A program without a process group of its own has nobody who releases it later.
void Process::countUse() {
  const bool kills = failure_.error != 0 || group_ != ProcessGroup::kReleased;
  cgroup_->count(kills, [calls = &calls_, id = id()](const CgroupUse& use) {
    calls->post(id, [use](PendingCall& call) {
      auto& self = static_cast<Process&>(call);
      self.use_ = use;
      self.onExitReady();
    });
  });
}

int Process::takeTerminal() {
  if (request_.stdio[0] != kPty) return 0;
  const int error = terminal_.take(result_.pipes[0]);
  closeIfOpen(result_.pipes[0]);
  // It was killed before it sent its terminal.
  return error == EAGAIN || error == ECONNRESET ? ECANCELED : error;
}

int Process::watchTerminal(uint32_t events, Napi::Function onTerminal) {
  if (terminal_.master() < 0) return EBADF;
  if (onTerminal_.IsEmpty()) onTerminal_ = Napi::Persistent(onTerminal);
  const int operation = std::exchange(isTerminalWatched_, true) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  return programs_.watch(operation, terminal_.master(), id(), events, Watched::kTerminal);
}

void Process::onTerminalReady() {
  const Napi::Env env(calls_.env());
  const Napi::HandleScope scope(env);
  if (calls_.isClosing() || !mayCallJs(env) || onTerminal_.IsEmpty()) return;
  users_++;  // JS may release the process during the call
  callJs(env, onTerminal_, {});
  users_--;
  deleteIfUnused();
}

void Process::release(bool endsGroup) {
  if (state_ != State::kExited) return;
  if (endsGroup) (void)::kill(-result_.pid, SIGKILL);
  siginfo_t info;
  (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED | WNOHANG | kAny, nullptr);
  state_ = State::kGone;
  deleteIfUnused();
}

int Process::takePipe(int index) { return std::exchange(result_.pipes[index], -1); }

void Process::shutDown() {
  onStarted_.Reset();
  onExit_.Reset();
  onTerminal_.Reset();
  if (state_ == State::kLaunching) {
    (void)recall(true);  // then land() runs, and calls this again
    return;
  }
  recall_.isWanted = true;
  if (state_ == State::kExited) return release(!calls_.isMainThread());
  closeStatus();
  const bool isAlive = state_ != State::kGone;
  if (isAlive && !calls_.isMainThread() && killGroup(SIGKILL) == 0 && watch() == 0) return ref();
  finish();
  // The program goes on, with its limits. The next service that starts removes its cgroup.
  if (isAlive && calls_.isMainThread()) cgroup_.reset();
  deleteIfUnused();
}

void Process::finish() {
  unref();
  state_ = State::kGone;
}

void Process::deleteIfUnused() {
  if (state_ == State::kGone && users_ == 0) delete this;
}

void Process::tellStarted(const PlanFailure& failure) {
  const bool failed = failure.error != 0;
  const Napi::Env env(calls_.env());
  const Napi::HandleScope scope(env);
  const bool isSilent = calls_.isClosing() || !mayCallJs(env);
  if (failed || isSilent || hostChanged_) {
    for (int& fd : result_.pipes) closeIfOpen(fd);
  }
  if (isSilent) return;
  Napi::Object answer = Napi::Object::New(env);
  if (hostChanged_) {
    answer.Set("hostChanged", true);
  } else if (!failed) {
    answer.Set("pid", result_.pid);
    answer.Set("handle", id());
  } else {
    int jailFd = -1;
    if (sight_ != nullptr && request_.jailFd >= 0) {
      std::swap(jailFd, request_.jailFd);
      looseDescriptors(env).add(jailFd);
    }
    answer.Set("failure", toObject(env, failure, result_.words));
    answer.Set("jailFd", jailFd);
  }
  callJs(env, onStarted_, {answer});
}

void Process::tellExit(const siginfo_t* info, const rusage& usage) {
  const Napi::Env env(calls_.env());
  const Napi::HandleScope scope(env);
  if (!mayCallJs(env)) return;
  const bool exited = info != nullptr && info->si_code == CLD_EXITED;
  const bool killed = info != nullptr && !exited;
  const auto number = [&](auto value) { return Napi::Number::New(env, static_cast<double>(value)); };
  const auto milliseconds = [&](const timeval& time) {
    return number(static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3);
  };
  Napi::Object used = Napi::Object::New(env);
  used.Set("userCpuMs", milliseconds(usage.ru_utime));
  used.Set("systemCpuMs", milliseconds(usage.ru_stime));
  used.Set("minorFaults", number(usage.ru_minflt));
  used.Set("majorFaults", number(usage.ru_majflt));
  used.Set("blockInputs", number(usage.ru_inblock));
  used.Set("blockOutputs", number(usage.ru_oublock));
  used.Set("voluntarySwitches", number(usage.ru_nvcsw));
  used.Set("involuntarySwitches", number(usage.ru_nivcsw));
  Napi::Object end = Napi::Object::New(env);
  end.Set("exitCode", exited ? number(info->si_status) : env.Null());
  end.Set("signalNumber", killed ? number(info->si_status) : env.Null());
  end.Set("usage", used);
  if (use_) {
    const auto& counted = use_->numbers;
    const double cpuMs = static_cast<double>(cpuUsOf(*use_)) / 1e3;
    if (counted[kPeakBytes] >= 0) used.Set("peakMemoryBytes", number(counted[kPeakBytes]));
    if (cpuMs >= 0) used.Set("totalCpuMs", number(cpuMs));
    end.Set("oomKills", number(counted[kOomKills]));
    end.Set("refusedForks", number(counted[kRefusedForks]));
    for (const auto& [key, slot] : {std::pair{"allUserMs", kUserUs}, std::pair{"allSystemMs", kSystemUs}}) {
      if (counted[slot] >= 0) end.Set(key, static_cast<double>(counted[slot]) / 1e3);
    }
  }
  if (use_ || end_) end.Set("isLeft", (use_ && use_->isLeft) || (end_ && (end_->flags & FULL_LEFT) != 0));
  if (end_) {
    end.Set("isDiskFull", (end_->flags & FULL_BLOCKS) != 0);
    end.Set("isOutOfInodes", (end_->flags & FULL_INODES) != 0);
    end.Set("largestKib", end_->step);
  }
  callJs(env, onExit_, {end});
}

}  // namespace uchroot
