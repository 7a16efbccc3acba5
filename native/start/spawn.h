// The programs that one JS environment has started.
#pragma once

#include <napi.h>
#include <sys/epoll.h>
#include <uv.h>

#include "../addon/pending.h"

namespace uchroot {

enum class Watched : uint32_t { kExit, kTerminal };

// Shared state of the programs. It is a pending call itself, so that the environment waits until the last program is gone.
class Programs final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kPrograms;
  explicit Programs(PendingCalls& calls);

  PendingCalls& calls() const { return calls_; }

  // Opens the epoll set of pidfds, before the first program: a command does not need it. Returns 0 or an errno.
  int openExits();

  // Counts the Process objects.
  void enter() { count_++; }
  void leave();

  // Watches a program's pidfd or terminal: EPOLL_CTL_ADD, or EPOLL_CTL_MOD to watch it again. Returns 0 or an errno.
  int watch(int operation, int fd, uint32_t id, uint32_t events = EPOLLIN, Watched kind = Watched::kExit);

  // The event loop stays alive between hold() and letGo().
  void hold();
  void letGo();

  void shutDown() override;

 private:
  void onExits();
  void closeIfIdle();

  size_t count_ = 0;
  // The loop watches one epoll set for all pidfds and terminals: a libuv handle for each would take six system calls.
  int exitsFd_ = -1;
  uv_poll_t exits_ = {};
  size_t held_ = 0;
  bool isClosing_ = false;
};

class Process;

// For calls whose data is the Programs and whose first argument is the handle of a program.
Programs& toPrograms(const Napi::CallbackInfo& info);
// The program of the handle; nullptr if it is gone.
Process* toProcess(const Napi::CallbackInfo& info);

}  // namespace uchroot
