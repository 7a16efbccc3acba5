// A small thread pool for launches. It is separate from libuv's pool because its threads have other credentials.

#include "crew.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <deque>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "../addon/pending.h"
#include "../plan/interpreter.h"
#include "../plan/syscall.h"

namespace uchroot {
namespace {

constexpr size_t kMostThreads = 8;
// A file system or a name service can delay a look at the host for long. So there are many threads for looks.
constexpr size_t kMostLooks = 64;

long inheritPermitted() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  const long got = sys(__NR_capget, address(&header), address(data));
  if (got < 0) return got;
  for (__user_cap_data_struct& half : data) half.inheritable = half.permitted;
  return sys(__NR_capset, address(&header), address(data));
}

std::string_view bytesOf(const PlanStep* step) {
  return {reinterpret_cast<const char*>(step), sizeof *step + step->dataBytes};
}

// The value belongs to the whole process, and its children inherit it. The descriptor stays open, because looking the path up is
// slow.
bool isOomScoreAdjNegative() {
  static const int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
  char first = '-';
  return pread(fd, &first, 1, 0) != 1 || first == '-';
}

// An ordinary thread that wakes up can preempt the thread that asked for the launch, if no other CPU is free. A batch thread
// waits for its turn (sched(7)). If the call fails, launches work all the same.
bool becomeBatch() {
  const int priority = 0;
  return sys(__NR_sched_getscheduler, 0) == SCHED_OTHER &&
         sys(__NR_sched_setscheduler, 0, SCHED_BATCH, address(&priority)) == 0;
}

class Crew;

// A thread of a crew, and the task that it gets.
struct Member {
  Crew& crew;
  Task* task;            // the next task
  Task* begun = nullptr;
  bool isReplaced = false;
  pthread_cond_t called = PTHREAD_COND_INITIALIZER;
};

class Crew {
 public:
  explicit Crew(bool prepares) : prepares_(prepares) {}

  // For looks at the host.
  Crew() : prepares_(false), isLaunching_(false), mostThreads_(kMostLooks) {}

  bool submit(Task& task) {
    pthread_mutex_lock(&mutex_);
    Member* idle = takeIdle();
    if (idle != nullptr) idle->task = &task;
    const bool isBegun = idle != nullptr || start(task);
    const bool isTaken = isBegun || threads_ > 0;
    if (isTaken && !isBegun) tasks_.push_back(&task);
    pthread_mutex_unlock(&mutex_);
    // After the mutex is released: the thread that wakes up needs it at once, and would wait for this one.
    if (idle != nullptr) pthread_cond_signal(&idle->called);
    return isTaken;
  }

  bool withdraw(Task& task) {
    pthread_mutex_lock(&mutex_);
    const bool waited = std::erase(tasks_, &task) > 0;
    pthread_mutex_unlock(&mutex_);
    return waited;
  }

  // No thread is idle while a task waits, so a waiting task gets the new one.
  void replace(const Task& task) {
    pthread_mutex_lock(&mutex_);
    const auto held = std::find_if(members_.begin(), members_.end(), [&](const Member* member) { return member->begun == &task; });
    if (held != members_.end() && !(*held)->isReplaced) {
      (*held)->isReplaced = true;
      mostThreads_++;
      if (!tasks_.empty() && start(*tasks_.front())) tasks_.pop_front();
    }
    pthread_mutex_unlock(&mutex_);
  }

 private:
  void work(Member& member) {
    Worker worker(isLaunching_ && becomeBatch(), prepares_);
    for (;;) next(member).run(worker);
  }

  // The thread that worked last: its caches are warm.
  Member* takeIdle() {
    if (idle_.empty()) return nullptr;
    Member* idle = idle_.back();
    idle_.pop_back();
    return idle;
  }

  // Starts a thread with its first task. It is never deleted.
  bool start(Task& task) {
    if (threads_ == mostThreads_) return false;
    auto* member = new Member{*this, &task};
    const auto main = [](void* given) -> void* {
      auto& self = *static_cast<Member*>(given);
      self.crew.work(self);
      return nullptr;
    };
    if (startThread(main, member) != 0) {
      delete member;
      return false;
    }
    members_.push_back(member);
    threads_++;
    return true;
  }

  Task& next(Member& member) {
    pthread_mutex_lock(&mutex_);
    member.isReplaced = false;
    member.begun = nullptr;
    if (member.task == nullptr && !tasks_.empty()) {
      member.task = tasks_.front();
      tasks_.pop_front();
    }
    if (member.task == nullptr) idle_.push_back(&member);
    while (member.task == nullptr) pthread_cond_wait(&member.called, &mutex_);
    member.begun = std::exchange(member.task, nullptr);
    pthread_mutex_unlock(&mutex_);
    return *member.begun;
  }

  const bool prepares_;
  const bool isLaunching_ = true;
  size_t mostThreads_ = kMostThreads;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  std::deque<Task*> tasks_;  // those that wait for a thread
  std::vector<Member*> members_, idle_;
  size_t threads_ = 0;
};

Crew& crewOf(Thread thread) {
  // Never deleted: the threads live as long as the process. If a thread ended, each child that it started with a parent-death
  // signal would be killed (PR_SET_PDEATHSIG(2const)).
  static Crew* const crews[] = {new Crew(true), new Crew(true), new Crew(false), new Crew};  // in the order of Thread
  return *crews[static_cast<size_t>(thread)];
}

}  // namespace

// Measured: without prepared threads, spawnInJail takes 1.26 times as long with a program without libc, and 1.16 times with a static
// program with its C library (medians of 1,500 launches of each of two builds that took turns, three times). A launch from a warm jail
// takes 1.05 times as much CPU time without them.
//
// These are raw system calls: they change this thread only. When root calls execve, the new program gets each capability that is
// in the inheritable or in the bounding set (capabilities(7)). So the launcher still gets all capabilities of the service. It
// empties both sets.
//
// A launcher reads the inherited settings back, but cannot repair them. So this thread reads them back too. A root thread can
// install a filter without no_new_privs, so both are read.
PlanFailure Worker::runInherited(void* plan) {
  if (const long result = inheritPermitted(); result < 0)
    return {kNoStep, PHASE_PREPARE, static_cast<int32_t>(-result), 0};
  std::vector<std::string> done;
  PlanContext context = {.jailFd = -1};
  Steps steps(plan);
  while (PlanStep* step = steps.next()) {
    if ((step->flags & (STEP_INHERITED | STEP_READ_BACK)) == 0) continue;
    uint32_t detail = 0;
    const long result = runStep(plan, step, context, &detail);
    if (result < 0) return {steps.place(), step->op, static_cast<int32_t>(-result), detail};
    if ((step->flags & STEP_INHERITED) != 0) done.emplace_back(bytesOf(step));
  }
  done_ = std::move(done);
  return {kNoStep, 0, 0, 0};
}

bool Worker::isDone(const PlanStep* step) const {
  if ((step->flags & STEP_INITIAL) != 0 || ((step->flags & STEP_BATCH_POLICY) != 0 && isBatch)) return true;
  if ((step->flags & STEP_OOM_SCORE) != 0) return !isOomScoreAdjNegative();
  return (step->flags & STEP_INHERITED) != 0 && std::find(done_.begin(), done_.end(), bytesOf(step)) != done_.end();
}

PlanFailure Worker::prepare(std::string& plan) {
  // The launcher refuses a malformed plan.
  if (!checkPlan(plan.data(), static_cast<uint32_t>(plan.size()))) return {kNoStep, 0, 0, 0};
  if (prepares_ && done_.empty()) {
    if (const PlanFailure failure = runInherited(plan.data()); failure.error != 0) return failure;
  }
  Steps steps(plan.data());
  while (PlanStep* step = steps.next()) {
    if (isDone(step)) step->flags |= STEP_DONE;
  }
  return {kNoStep, 0, 0, 0};
}

Thread threadFor(const std::string& plan) {
  if (plan.size() < sizeof(PlanHeader)) return Thread::kPlain;  // the launcher refuses it
  PlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  if ((header.flags & PLAN_USUAL) != 0) return Thread::kPrepared;
  return (header.flags & PLAN_UNFILTERED) != 0 ? Thread::kUnfiltered : Thread::kPlain;
}

bool submit(Task& task, Thread thread) { return crewOf(thread).submit(task); }

void replace(const Task& task, Thread thread) { crewOf(thread).replace(task); }

bool withdraw(Task& task, Thread thread) { return crewOf(thread).withdraw(task); }

}  // namespace uchroot
