// One program: launched on a thread of the crew, watched on the event loop, and reaped by pidfd. No other child of the service is
// ever touched.
#pragma once

#include <cerrno>
#include <csignal>
#include <memory>

#include <napi.h>
#include <sys/resource.h>
#include <uv.h>

#include "../accounts/host.h"
#include "../addon/pending.h"
#include "crew.h"
#include "launch.h"
#include "spawn.h"

namespace uchroot {

// The process group of a program.
enum class ProcessGroup {
  kCallers,
  kReleased,    // its own: the leader is reaped when JS releases it
  kEndsAtExit,  // its own: the rest of it is killed before the leader is reaped
};

class Process final : public PendingCall, public Task {
 public:
  static constexpr CallKind kKind = CallKind::kProgram;

  Process(Programs& programs, LaunchRequest request, std::shared_ptr<const HostSight> sight, ProcessGroup group,
          Napi::Function onStarted, Napi::Function onExit);
  ~Process() override;

  // Hands the launch to a thread. False if there is none.
  bool queue();

  void run(Worker& worker) override;

  // Calls the launch off: the program does not run, or is killed at once. One that is known to run is left to kill().
  void recall();

  // Sends a signal to the program: 0, or the errno of pidfd_send_signal(2); ESRCH before it has started and once it is reaped.
  int kill(int signal);

  // Sends a signal to the program and to its process group, if that is its own: 0, or an errno. The number of a group belongs to it
  // until its leader is reaped.
  int killGroup(int signal);

  // Whether the event loop stays alive for it.
  void ref();
  void unref();

  // It seems to have ended.
  void onExitReady();

  // Reaps the leader of a group that has ended. `endsGroup`: the rest of the group is killed first.
  void release(bool endsGroup);

  // A pipe that JS closes from now on; -1 if there is none. Those that JS has not taken are closed with the program's exit.
  int takePipe(int index);

  // Nobody would ever collect the status of a worker's children: they end with it. With the main thread the whole process ends, and
  // init adopts the children.
  void shutDown() override;

 private:
  enum class State {
    kLaunching,  // a thread of the crew has it
    kStarting,   // the launcher runs, and its last word is awaited
    kRunning,    // the exit is awaited: the program runs, or the launcher has failed and is about to end
    kExited,     // it has ended, and stays the leader of its group until JS releases it
    kGone,       // nothing is awaited any more
  };

  // On a thread of the crew. The plan was made from what the host said last time. False if the host says something else now.
  bool lookAgain();

  // Reads from the launcher. True at the end, when `failure_` is known.
  bool readStatus();

  // Back to the loop.
  void arrive();

  // Closes what only the launcher needed. The jail stays open as long as a failure may have to be looked into.
  void closeRequest();

  // On the loop, after run().
  void land();

  // Has the loop wait for the launcher. 0, or an errno.
  int pollStatus();
  void onStatusReady();
  void closeStatus();

  // The last word of the launcher is known.
  void proceed();

  // The event loop cannot watch the program, which must not run unwatched.
  void abandon(int error);

  // 0, or an errno.
  int watch();

  // onStarted(null, pid), or onStarted(failure, jailFd), where the pipes are closed here. JS closes the descriptor, through which it
  // looks for the cause; it is -1 if the jail was JS's own. onStarted(undefined): the host has changed.
  void tellStarted(const PlanFailure& failure);

  // onExit(exitCode | null, signal number | null, usage: eight numbers)
  void tellExit(const siginfo_t* info, const rusage& usage);

  void finish();
  void deleteIfUnused();

  Programs& programs_;
  const ProcessGroup group_;
  LaunchRequest request_;
  const std::shared_ptr<const HostSight> sight_;
  Thread thread_;
  Recall recall_;
  LaunchResult result_;
  // The last word of the launcher, told once that has been reaped. Before it says anything: that it never came to execve.
  PlanFailure failure_ = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  Napi::FunctionReference onStarted_;
  Napi::FunctionReference onExit_;
  uv_poll_t status_ = {};
  State state_ = State::kLaunching;
  int users_ = 0;  // `status_` until uv has let go of it, and a call of JS: it is not deleted while it has any
  bool hostChanged_ = false;
  bool isHeld_ = false;  // the loop stays alive for it
};

}  // namespace uchroot
