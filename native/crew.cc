// A few threads, like those of libuv's pool, and beside it: their credentials are not what other work expects.

#include "crew.h"

#include <csignal>
#include <deque>

#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>

#include "interpreter.h"
#include "syscall.h"

namespace uchroot {
namespace {

constexpr size_t kMostThreads = 4;
constexpr size_t kStackBytes = 1u << 20;  // NSS modules need some

bool startThread(void* (*main)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) != 0) return false;
  const bool started = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                       pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                       pthread_create(&thread, &attributes, main, argument) == 0;
  (void)pthread_attr_destroy(&attributes);
  return started;
}

// Signals are for the service's own threads; those that libc itself uses come through (pthread_sigmask(3)).
void blockSignals() {
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

long inheritPermitted() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  const long got = sys(__NR_capget, address(&header), address(data));
  if (got < 0) return got;
  for (__user_cap_data_struct& half : data) half.inheritable = half.permitted;
  return sys(__NR_capset, address(&header), address(data));
}

// Plain calls, which concern this thread alone. Root's execve gives it what is in the inheritable or in the bounding set
// (capabilities(7)): so the launcher is as mighty as the service, and empties both.
Preparation prepare() {
  Preparation preparation;
  const long inherited = inheritPermitted();
  const long dropped = inherited < 0 ? inherited : dropBoundingSet(0, &preparation.capability);
  preparation.isBoundingSetEmpty = dropped == 0;
  if (dropped < 0) preparation.error = static_cast<int>(-dropped);
  return preparation;
}

// To begin a launch must not interrupt whoever has asked for it, which the wake-up of an ordinary thread does where no
// other CPU is free: one for batch work waits for its turn (sched(7)). Without it a launch is only less polite.
bool becomeBatch() {
  const int priority = 0;
  return sys(__NR_sched_getscheduler, 0) == SCHED_OTHER &&
         sys(__NR_sched_setscheduler, 0, SCHED_BATCH, address(&priority)) == 0;
}

class Crew {
 public:
  explicit Crew(bool prepares) : prepares_(prepares) {}

  bool submit(Task& task) {
    pthread_mutex_lock(&mutex_);
    tasks_.push_back(&task);
    bool taken = true;
    if (idle_ >= tasks_.size()) {
      pthread_cond_signal(&arrived_);
    } else if (threads_ < kMostThreads) {
      if (startThread([](void* crew) { return static_cast<Crew*>(crew)->work(); }, this)) threads_++;
      else taken = threads_ > 0;
      if (!taken) tasks_.pop_back();
    }
    pthread_mutex_unlock(&mutex_);
    return taken;
  }

 private:
  void* work() {
    blockSignals();
    const bool isBatch = becomeBatch();
    for (Preparation preparation;;) {
      Task* task = next();
      // A call that is refused ends the launch for which it was made, as in the plan; the next one tries again.
      if (prepares_ && !preparation.isBoundingSetEmpty) preparation = prepare();
      preparation.isBatch = isBatch;
      task->run(preparation);
    }
  }

  Task* next() {
    pthread_mutex_lock(&mutex_);
    idle_++;
    while (tasks_.empty()) pthread_cond_wait(&arrived_, &mutex_);
    idle_--;
    Task* task = tasks_.front();
    tasks_.pop_front();
    pthread_mutex_unlock(&mutex_);
    return task;
  }

  const bool prepares_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t arrived_ = PTHREAD_COND_INITIALIZER;
  std::deque<Task*> tasks_;
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace

bool submit(Task& task, Thread thread) {
  // Never taken down: their threads work until the process is gone. A thread that ended would take along what it has
  // started with a parent-death signal (PR_SET_PDEATHSIG(2const)).
  static Crew* const prepared = new Crew(true);
  static Crew* const plain = new Crew(false);
  return (thread == Thread::kPrepared ? prepared : plain)->submit(task);
}

}  // namespace uchroot
