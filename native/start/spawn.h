// The programs that one environment has started.
#pragma once

#include <napi.h>
#include <uv.h>

#include "../addon/pending.h"
#include "pipes.h"

namespace uchroot {

// What they have in common. It is pending itself, so that the environment waits until the last of them has gone.
class Programs final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kPrograms;
  explicit Programs(PendingCalls& calls);

  PendingCalls& calls() const { return calls_; }
  LoosePipes& pipes() { return pipes_; }

  // Opens the set of pidfds, for the first program: a command never has one. 0, or an errno.
  int openExits();

  // A program of which the object is made, and one that is gone.
  void enter() { count_++; }
  void leave();

  // Has a program's pidfd watched: EPOLL_CTL_ADD, or EPOLL_CTL_MOD to watch it once more. 0, or an errno.
  int watch(int operation, int pidFd, uint32_t id);

  // The event loop stays alive from each hold() to its letGo().
  void hold();
  void letGo();

  void shutDown() override;

 private:
  void onExits();
  void closeIfIdle();

  LoosePipes pipes_;
  size_t count_ = 0;
  // One epoll set for all pidfds, which the loop watches: a handle of the loop for each of them would be six calls.
  int exitsFd_ = -1;
  uv_poll_t exits_ = {};
  size_t held_ = 0;
  bool isClosing_ = false;
};

}  // namespace uchroot
