// Stops the descendants of this process; see descendants.h.

#include "descendants.h"

#include <stdint.h>

#include <linux/fcntl.h>
#include <linux/mman.h>

#include <asm/fcntl.h>
#include <asm/mman.h>
#include <asm/signal.h>

#include "../plan/syscall.h"
#include "decimal.h"

namespace uchroot {
namespace {

// Each of them may have started another one meanwhile. What is stopped stays so, and counts for the limit of processes (getrlimit(2),
// RLIMIT_NPROC), so few rounds are needed.
constexpr int kRounds = 200;

constexpr long kMostProcesses = 1 << 16;

struct Process {
  int pid, parent;
  bool canFork;
  bool isOurs;
};

long numberAt(const char* text) {
  long value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (*text++ - '0');
  return value;
}

// The text behind this many spaces.
const char* behindSpaces(const char* text, int count) {
  while (count > 0 && *text != 0) count -= *text++ == ' ' ? 1 : 0;
  return text;
}

// A process whose first thread has ended is a zombie (Z) too, while its other threads run on.
bool canFork(char state, long threads) {
  if (state == 'Z' || state == 'X') return threads > 1;
  return state != 'T' && state != 't';
}

// Reads /proc/PID/stat (proc_pid_stat(5)). The name of the program may contain anything, so the state stands behind the last `)`.
bool look(long procFd, long pid, Process* process) {
  char path[32];
  char* end = putNumber(path, pid);
  for (const char* rest = "/stat"; *rest != 0; rest++) *end++ = *rest;
  *end = 0;
  const long fd = sys(__NR_openat, procFd, address(path), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[512];
  const long got = sys(__NR_read, fd, address(text), sizeof text - 1);
  (void)sys(__NR_close, fd);  // nothing was written
  if (got <= 0) return false;
  text[got] = 0;
  long at = got;
  while (at > 0 && text[at] != ')') at--;
  const char* state = behindSpaces(text + at, 1);
  const long parent = numberAt(behindSpaces(state, 1));
  *process = {static_cast<int>(pid), static_cast<int>(parent), canFork(*state, numberAt(behindSpaces(state, 17))), false};
  return true;
}

// getdents64(2)
struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t bytes;
  uint8_t type;
  char name[];
};

long listProcesses(long procFd, Process* processes) {
  alignas(Entry) char text[4096];
  long count = 0;
  (void)sys(__NR_lseek, procFd, 0, 0);  // a directory of /proc can be read again
  for (;;) {
    const long got = sys(__NR_getdents64, procFd, address(text), sizeof text);
    if (got <= 0) return count;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(text + at);
      at += entry->bytes;
      const long pid = numberAt(entry->name);
      if (pid > 0 && count < kMostProcesses && look(procFd, pid, processes + count)) count++;
    }
  }
}

// /proc lists ascending numbers.
bool isOursIn(const Process* processes, long count, int pid) {
  long low = 0;
  while (count > 0) {
    const long half = count / 2;
    if (processes[low + half].pid == pid) return processes[low + half].isOurs;
    if (processes[low + half].pid < pid) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return false;
}

// Most processes have a higher number than their parent: one round over the list is nearly always enough.
void markOurs(Process* processes, long count) {
  const int self = static_cast<int>(sys(__NR_getpid));
  bool isChanged = true;
  while (isChanged) {
    isChanged = false;
    for (long i = 0; i < count; i++) {
      if (processes[i].isOurs) continue;
      processes[i].isOurs = processes[i].parent == self || isOursIn(processes, count, processes[i].parent);
      isChanged = isChanged || processes[i].isOurs;
    }
  }
}

// By a pidfd, and only if the process is still a child of the same parent: another one can have got its pid.
void stop(long procFd, const Process& process) {
  const long fd = sys(__NR_pidfd_open, process.pid, 0);
  if (fd < 0) return;
  Process now;
  if (look(procFd, process.pid, &now) && now.parent == process.parent) (void)sys(__NR_pidfd_send_signal, fd, SIGSTOP, 0, 0);
  (void)sys(__NR_close, fd);
}

bool stopOnce(long procFd, Process* processes) {
  const long count = listProcesses(procFd, processes);
  markOurs(processes, count);
  bool isAny = false;
  for (long i = 0; i < count; i++) {
    if (!processes[i].isOurs || !processes[i].canFork) continue;
    stop(procFd, processes[i]);
    isAny = true;
  }
  return isAny;
}

}  // namespace

void stopDescendants() {
  constexpr long kBytes = kMostProcesses * static_cast<long>(sizeof(Process));
  const long memory = sys(__NR_mmap, 0, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const long procFd = sys(__NR_openat, AT_FDCWD, address("/proc"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool hasMemory = memory > 0 || memory < -4095;
  for (int left = kRounds; hasMemory && procFd >= 0 && left > 0; left--) {
    if (!stopOnce(procFd, reinterpret_cast<Process*>(memory))) break;
  }
  if (procFd >= 0) (void)sys(__NR_close, procFd);
  if (hasMemory) (void)sys(__NR_munmap, memory, kBytes);
}

}  // namespace uchroot
