// Where a thread that sleeps is woken: on another CPU than the one that it is woken from.
#pragma once

#include <ctime>

#include <sched.h>
#include <sys/types.h>

namespace uchroot {

// Kernels, those of virtual machines above all, like to wake a thread where the waking one runs, although another CPU has
// nothing to do. An event loop that goes on loses that CPU to it at the next tick, for as long as a launch takes.
class Affinity {
 public:
  // For the thread that is about to sleep: it leaves the CPU from which it was last woken, and the one that wakes it next has
  // nothing to do for that if it is still there.
  void leaveAgain();
  // It does not sleep after all.
  void stay();
  // For the thread that wakes `tid`, just before.
  void leave(pid_t tid);
  // For the woken thread: it may run where the one that has woken it may, and so may its children.
  void restore();

 private:
  bool leaveFor(pid_t tid);

  cpu_set_t cpus_;  // of the thread that woke it last
  int cpu_ = -1;    // and where that was
  timespec left_;
  bool isLeaving_ = true;  // as long as that gets it a CPU
  bool hasLeft_ = false;
};

}  // namespace uchroot
