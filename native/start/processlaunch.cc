// The part of a program that runs on a thread of the crew: its launch, and the launcher's records.

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "../files/descriptor.h"
#include "../plan/syscall.h"
#include "process.h"
#include "../namespaces/ready.h"

namespace uchroot {
namespace {

// The raw getpriority call returns 20 - nice, so that it is never negative (getpriority(2), "C library/kernel differences").
void takePriority(pid_t tid) {
  const long theirs = sys(__NR_getpriority, PRIO_PROCESS, tid);
  if (theirs < 0 || theirs == sys(__NR_getpriority, PRIO_PROCESS, 0)) return;
  (void)sys(__NR_setpriority, PRIO_PROCESS, 0, 20 - theirs);
}

void takeIoPriority(pid_t tid) {
  const long theirs = sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, tid);
  if (theirs < 0 || theirs == sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, 0)) return;
  (void)sys(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, theirs);
}

// Set only if it differs: an affinity set by this call stays even if the thread's cpuset grows (cpuset(7)).
void takeAffinity(pid_t tid) {
  cpu_set_t theirs, own;
  if (sched_getaffinity(tid, sizeof theirs, &theirs) != 0 || sched_getaffinity(0, sizeof own, &own) != 0) return;
  if (!CPU_EQUAL(&theirs, &own)) (void)sched_setaffinity(0, sizeof theirs, &theirs);
}

// A program inherits its scheduling from the thread that starts it, but must have that of the thread that asked for it. Nice
// value, I/O class and CPU affinity belong to a thread (sched(7), ioprio_set(2)): os.setPriority(), renice, ionice and taskset
// change those of the main thread. If a call is refused, the program keeps the lower rights.
void becomeLike(pid_t tid) {
  takePriority(tid);
  takeIoPriority(tid);
  takeAffinity(tid);
}

}  // namespace

Process::Process(Programs& programs, LaunchRequest request, std::shared_ptr<const HostSight> sight, ProcessGroup group,
                 Napi::Function onStarted, Napi::Function onExit)
    : PendingCall(programs.calls(), kKind),
      programs_(programs),
      group_(group),
      request_(std::move(request)),
      sight_(std::move(sight)),
      thread_(threadFor(request_.plan)),
      onStarted_(Napi::Persistent(onStarted)),
      onExit_(Napi::Persistent(onExit)) {
  request_.recall = &recall_;
  programs_.enter();
}

Process::~Process() {
  if (cgroup_ != nullptr) cgroup_->remove();
  closeRequest();
  closeIfOpen(request_.jailFd);
  closeIfOpen(result_.statusFd);
  closeIfOpen(result_.pidFd);
  closeIfOpen(endFd_);
  for (int& fd : result_.pipes) closeIfOpen(fd);
  programs_.leave();
}

bool Process::queue() {
  if (!submit(*this, thread_)) return false;
  calls_.hold();
  return true;
}

void Process::run(Worker& worker) {
  bool needsNetwork = false;
  if (!recall_.isWanted && lookAgain()) result_.failure = worker.prepare(request_.plan);
  if (!hostChanged_ && result_.failure.error == 0) {
    becomeLike(calls_.tid());
    request_.isBatch = worker.isBatch;
    takeNamespaces(request_);
    if (request_.namespaces != 0) request_.seedFd = mountSeed();
    needsNetwork = makesNetwork(request_);
    if (needsNetwork) request_.networkFd = takeSpareNetwork();
    launchInCgroup();
    closeIfOpen(request_.networkFd);
    closeRequest();
    if (result_.statusFd >= 0 && readStatus()) {
      recall_.isLate = true;
      if (request_.namespaces != 0) endFd_ = std::exchange(result_.statusFd, -1);
      closeIfOpen(result_.statusFd);
    }
  }
  arrive();
  // Nothing waits for this launch any more, and this object may be gone.
  if (needsNetwork) makeSpareNetwork();
}

void Process::launchInCgroup() {
  cgroup_ = OwnedCgroup::of(request_.plan, thread_);
  if (cgroup_ == nullptr) {
    result_ = launch(request_);
    return;
  }
  CgroupEntry entry;
  request_.cgroupFailure = cgroup_->step();
  result_.failure = request_.cgroupFailure;
  if (const long made = cgroup_->make(&entry, &result_.failure.detail); made < 0) {
    result_.failure.error = static_cast<int32_t>(-made);
    cgroup_.reset();
    return;
  }
  request_.cgroup = &entry;
  result_ = launch(request_);
  request_.cgroup = nullptr;
  closeCgroup(&entry);
  if (result_.pid >= 0) return;
  cgroup_->discard();
  cgroup_.reset();
}

bool Process::lookAgain() {
  if (sight_ == nullptr) return true;
  recall_.isLooking = true;
  hostChanged_ = !sight_->isStillTrue(&request_.jailFd);
  recall_.isLooking = false;
  return !hostChanged_;
}

bool Process::readStatus() {
  PlanFailure record;
  for (;;) {
    const ssize_t got = read(result_.statusFd, &record, sizeof record);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got != sizeof record) {
      // An init reports that its program runs only afterwards. If the launch was called off before the report, the program may have run,
      // so it counts as started.
      if (request_.namespaces != 0 && recall_.isKilling && failure_.step == kNoStep && failure_.error == ECANCELED) failure_.error = 0;
      break;
    }
    failure_ = record;
    if (request_.namespaces != 0 && record.error == 0) break;  // an init does not end its pipe
  }
  if (failure_.error == 0) closeIfOpen(request_.jailFd);
  return true;
}

void Process::readEnd(siginfo_t& info) {
  PlanFailure record;
  if (endFd_ < 0 || read(endFd_, &record, sizeof record) != sizeof record || record.op != PHASE_ENDED) return;
  end_ = record;
  const int status = static_cast<int>(record.detail);
  info.si_code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
  info.si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

void Process::closeRequest() {
  for (int& fd : request_.stdio) {
    if (fd >= 0) closeIfOpen(fd);
  }
  for (LaunchRequest::Kept& kept : request_.kept) closeIfOpen(kept.source);
  request_.plan = {};
}

void Process::arrive() {
  calls_.post(id(), [](PendingCall& call) { static_cast<Process&>(call).land(); });
}

bool Process::recall(bool kills) {
  recall_.isWanted = true;
  if (withdraw(*this, thread_)) {
    result_.failure = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
    arrive();
    return false;
  }
  if (recall_.isLooking) {
    replace(*this, thread_);
    return true;
  }
  if (!kills) return false;
  recall_.isKilling = true;
  // The descriptor stays open until this object is deleted, which happens on this thread.
  const int pidFd = recall_.pidFd;
  if (pidFd >= 0 && !recall_.isLate) (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
  return false;
}

}  // namespace uchroot
