// One program: launched on a thread of the crew, watched on the event loop, reaped by pidfd. Other children of the service are
// never touched.
#pragma once

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include <napi.h>
#include <sys/resource.h>
#include <uv.h>

#include "../accounts/host.h"
#include "../addon/pending.h"
#include "crew.h"
#include "launch.h"
#include "../cgroup/ownedcgroup.h"
#include "spawn.h"
#include "../terminal/terminal.h"

namespace uchroot {

// The process group of a program.
enum class ProcessGroup {
  kCallers,
  kReleased,    // its own: the leader is reaped when JS releases it
  kEndsAtExit,  // its own: the other members are killed before the leader is reaped
};

class Process final : public PendingCall, public Task {
 public:
  static constexpr CallKind kKind = CallKind::kProgram;

  Process(Programs& programs, LaunchRequest request, std::shared_ptr<const HostSight> sight, ProcessGroup group,
          Napi::Function onStarted, Napi::Function onExit);
  ~Process() override;

  // Queues the launch for a thread. False if there is none.
  bool queue();

  void run(Worker& worker) override;

  // Cancels the launch: nothing more is started. If a process is there already, it is killed at once, or goes on without `kills`. If
  // the program is known to run, nothing happens: kill() is for that.
  // True: nothing will be started, but it can take long until that is told.
  bool recall(bool kills);

  // Sends a signal to the program. Returns 0 or the errno of pidfd_send_signal(2); ESRCH before the start and after it was
  // reaped.
  int kill(int signal);

  // Sends a signal to the program and, if it has its own process group, to that group. Returns 0 or an errno. A group keeps its
  // number until its leader is reaped.
  int killGroup(int signal);

  // CPU time of all processes in its cgroup; negative if none counts it.
  int64_t cpuUs() const { return cgroup_ == nullptr || state_ != State::kRunning ? -1 : cgroup_->cpuUs(); }

  // Whether the event loop stays alive for this program.
  void ref();
  void unref();

  // Called when the pidfd is ready, and again when the cgroup was read.
  void onExitReady();

  // The program's pseudo-terminal. It is closed unless the launch was asked for one, and when the program has ended.
  Terminal& terminal() { return terminal_; }

  // Calls onTerminal() once, when one of these events of epoll(7) has come. Returns 0 or an errno.
  int watchTerminal(uint32_t events, Napi::Function onTerminal);

  void onTerminalReady();

  // Reaps the leader of an ended group. `endsGroup`: the other members are killed first.
  void release(bool endsGroup);

  // Hands a pipe over to JS, which closes it; -1 if there is none. Pipes that JS does not take are closed when the program exits.
  int takePipe(int index);

  // When a worker ends, its programs are killed, because no code would collect their status. When the main thread ends, the whole
  // process ends, and init adopts the children.
  void shutDown() override;

 private:
  enum class State {
    kLaunching,  // a thread of the crew runs the launch
    kStarting,   // the launcher runs; its last record is awaited
    kRunning,    // the exit is awaited: the program runs, or the launcher has failed and will end
    kExited,     // it has ended, but stays the leader of its group until JS releases it
    kGone,       // nothing is awaited
  };

  // Runs on a thread of the crew. The plan was made from what was read from the host earlier. False if the host has changed.
  bool lookAgain();

  // Reads the launcher's records. True at the end of the pipe: then `failure_` is final.
  bool readStatus();

  // Reads how the program of an init has ended. Without a record, as the init has.
  void readEnd(siginfo_t& info);

  // Returns to the event loop.
  void arrive();

  // Runs on a thread of the crew. Makes the cgroup that the plan asks for, and launches into it.
  void launchInCgroup();

  // Closes what only the launcher needs. The jail stays open until no failure needs to be diagnosed.
  void closeRequest();

  // Runs on the event loop, after run().
  void land();

  // Watches the status pipe of the launcher. Returns 0 or an errno.
  int pollStatus();
  void onStatusReady();
  void closeStatus();

  // The last record of the launcher is known.
  void proceed();

  // Takes the terminal of a program that was started with one. Returns 0 or an errno.
  int takeTerminal();

  // Kills the program, because the event loop cannot watch it.
  void abandon(int error);

  // Watches the pidfd. Returns 0 or an errno.
  int watch();

  // Calls onStarted, with ProgramStart of lib/native/launch-calls.ts, and closes the pipes if the program does not run. JS uses the jail
  // descriptor to look for the cause of a failure, and closes it; it is -1 if JS opened the jail.
  void tellStarted(const PlanFailure& failure);

  // Calls onExit, with ProgramEnd.
  void tellExit(const siginfo_t* info, const rusage& usage);

  // Reads the cgroup of an ended program on a thread of the crew.
  void countUse();

  void finish();
  void deleteIfUnused();

  Programs& programs_;
  const ProcessGroup group_;
  LaunchRequest request_;
  const std::shared_ptr<const HostSight> sight_;
  Thread thread_;
  Recall recall_;
  LaunchResult result_;
  std::optional<PlanFailure> end_;  // PHASE_ENDED, if an init has told it
  int endFd_ = -1;  // of an init: where it tells how its program has ended
  // The last record of the launcher. JS is told after the launcher was reaped. The initial value means: the launcher died before
  // execve.
  PlanFailure failure_ = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  Napi::FunctionReference onStarted_;
  Napi::FunctionReference onExit_;
  Napi::FunctionReference onTerminal_;
  Terminal terminal_;
  bool isTerminalWatched_ = false;
  uv_poll_t status_ = {};
  State state_ = State::kLaunching;
  int users_ = 0;  // `status_` until uv has closed it, and a running call to JS: no deletion before it is 0
  // Of a launch with limits: set before its thread is done with the launch.
  std::shared_ptr<OwnedCgroup> cgroup_;
  std::optional<CgroupUse> use_;
  bool isCounted_ = false;  // `use_` was asked for
  bool hostChanged_ = false;
  bool isHeld_ = false;  // the event loop stays alive for it
};

}  // namespace uchroot
