// Starts newuidmap and newgidmap. They are set-user-ID root and are started by an ordinary user, so they get nothing of this process but
// their arguments: no environment, no descriptors, default signals.

#include "idmap.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../files/descriptor.h"
#include "../plan/clone.h"
#include "../plan/steps.h"

namespace uchroot {
namespace {

constexpr size_t kChildStackBytes = size_t{16} * 1024;
constexpr size_t kMostWords = 1024;

// The child writes `error`: it shares this memory.
struct Child {
  int programFd, nullFd, wordsFd;
  char* const* argv;
  long error;
};

// Raw system calls only, as in launch.cc.
__attribute__((no_sanitize("address", "undefined"))) int childMain(void* argument) {
  auto* child = static_cast<Child*>(argument);
  char* const environment[] = {nullptr};
  long result = sys(__NR_dup3, child->nullFd, 0, 0);
  if (result >= 0) result = sys(__NR_dup3, child->nullFd, 1, 0);
  if (result >= 0) result = sys(__NR_dup3, child->wordsFd, 2, 0);
  if (result >= 0) result = sys(__NR_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
  if (result >= 0) result = resetSignals(0);
  if (result >= 0) result = sys(__NR_execveat, child->programFd, address(""), address(child->argv), address(environment), AT_EMPTY_PATH);
  child->error = -result;
  quit(127);
}

// A descriptor above 2, which the child replaces.
int openHigh(const char* path, int flags) {
  Descriptor low(open(path, flags | O_CLOEXEC));
  return low.get() < 0 ? -1 : fcntl(low.get(), F_DUPFD_CLOEXEC, 3);
}

// Only root may be able to change what is executed here.
bool isRoots(int fd) {
  struct stat found;
  return fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == 0 && (found.st_mode & 022) == 0;
}

// All signals are blocked, so that no handler of this process runs in the child.
pid_t startChild(Child& child, int* pidFd) {
  alignas(16) char stack[kChildStackBytes];
  const uint64_t all = ~0ull;
  uint64_t before = 0;
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&all), address(&before), sizeof all);
  const long pid = cloneOnStack(__NR_clone, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, address(stack + kChildStackBytes), childMain,
                                &child, address(pidFd));
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&before), 0, sizeof before);
  return static_cast<pid_t>(pid);
}

// The children that run, by pidfd. As they are set-user-ID, they get no parent-death signal (PR_SET_PDEATHSIG(2const)).
class Running {
 public:
  explicit Running(int pidFd) {
    [[maybe_unused]] static const int isRegistered = std::atexit(killAll);
    for (std::atomic<int>& slot : slots_) {
      int none = 0;
      if (!slot.compare_exchange_strong(none, pidFd)) continue;
      own_ = &slot;
      return;
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (own_ != nullptr) *own_ = 0;
  }

 private:
  static void killAll() {
    for (const std::atomic<int>& slot : slots_) {
      if (const int pidFd = slot; pidFd > 0) (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
    }
  }

  static inline std::atomic<int> slots_[16];  // more than threads that launch
  std::atomic<int>* own_ = nullptr;
};

// Waits for the child. It is killed if the process that it works for ends, or this one exits or gets one of its own signals.
// Returns its wait status.
int await(pid_t pid, int pidFd, const MapWay& way) {
  const Running running(pidFd);
  pollfd ended[] = {{pidFd, POLLIN, 0}, {way.socketFd, 0, 0}, {way.signalFd, POLLIN, 0}};
  while (poll(ended, std::size(ended), -1) < 0 && errno == EINTR) continue;
  // It may: the real uid of the child is this process's (kill(2)).
  if (ended[0].revents == 0) (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
  int status = 0;
  pid_t got;
  while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) continue;
  // Reaped by other code in this process, so its status is lost. Without a map, the next steps of the plan fail.
  return got < 0 ? 0 : status;
}

// Whether the process at the other end has ended.
bool isClosed(int socketFd) {
  pollfd closed = {socketFd, 0, 0};
  return poll(&closed, 1, 0) > 0;
}

// Without waiting: the program has ended.
std::string readWords(int fd) {
  std::string words(kMostWords, 0);
  const ssize_t got = read(fd, words.data(), words.size());
  words.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return words;
}

// The words of a step: the program, and its arguments behind the pid.
std::vector<std::string> wordsOf(const PlanStep* step, pid_t pid) {
  const char* at = reinterpret_cast<const char*>(dataOf(step));
  const char* end = at + step->dataBytes;
  std::vector<std::string> words;
  for (; at < end; at += words.back().size() + 1) words.emplace_back(at);
  words.insert(words.begin() + 1, std::to_string(pid));
  return words;
}

// Returns 0, or an errno.
int perform(const PlanStep* step, const MapWay& way, pid_t pid, std::string& said) {
  std::vector<std::string> words = wordsOf(step, pid);
  const Descriptor program(openHigh(words[0].c_str(), O_PATH)), null(openHigh("/dev/null", O_RDWR));
  if (program.get() < 0 || null.get() < 0) return errno;
  if (!isRoots(program.get())) {
    said = "it does not belong to root, or others can write it";
    return EACCES;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return errno;
  const Descriptor readEnd(ends[0]);
  Descriptor low(ends[1]);
  Descriptor writeEnd(fcntl(low.get(), F_DUPFD_CLOEXEC, 3));
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Child child = {program.get(), null.get(), writeEnd.get(), argv.data(), 0};
  int pidFd = -1;
  const pid_t started = startChild(child, &pidFd);
  if (started < 0) return -started;
  const Descriptor ended(pidFd);
  const int status = await(started, pidFd, way);
  if (child.error != 0) return static_cast<int>(child.error);
  if (status == 0) return 0;
  said = readWords(readEnd.get());
  if (WIFSIGNALED(status)) said += "it was killed by signal " + std::to_string(WTERMSIG(status));
  return EPERM;
}

}  // namespace

bool hasIdMaps(const void* plan) {
  Steps steps(plan);
  while (const PlanStep* step = steps.next()) {
    if ((step->flags & STEP_OUTSIDE) != 0) return true;
  }
  return false;
}

PlanFailure mapIds(const void* plan, const MapWay& way, pid_t pid, std::string& words) {
  constexpr PlanFailure ended = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  Steps steps(plan);
  while (const PlanStep* step = steps.next()) {
    if ((step->flags & STEP_OUTSIDE) == 0) continue;
    uint8_t byte = 0;
    ssize_t got;
    while ((got = recv(way.socketFd, &byte, 1, 0)) < 0 && errno == EINTR) continue;
    if (got != 1) return ended;
    const int error = perform(step, way, pid, words);
    // Then the program may have been killed for that reason.
    if (isClosed(way.socketFd)) return ended;
    if (error != 0) return {steps.place(), step->op, error, 0, step->flags};
    if (send(way.socketFd, &byte, 1, MSG_NOSIGNAL) != 1) return ended;
  }
  return {kNoStep, 0, 0, 0};
}

}  // namespace uchroot
