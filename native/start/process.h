// One program: launched on a thread of the crew, watched on the event loop, and reaped by pidfd, so that no other child of the
// service is ever touched.
#pragma once

#include <cerrno>
#include <csignal>
#include <memory>

#include <napi.h>
#include <sys/resource.h>
#include <uv.h>

#include "crew.h"
#include "../accounts/host.h"
#include "launch.h"
#include "registry.h"

namespace uchroot {

// The process group of a program.
enum class ProcessGroup {
  kCallers,
  kReleased,    // its own: the leader is reaped when JS releases it
  kEndsAtExit,  // its own: what is left of it is killed before the leader is reaped
};

class Process final : public Task {
 public:
  Process(Registry* registry, LaunchRequest request, std::shared_ptr<const HostSight> sight, ProcessGroup group,
          Napi::Function onStarted, Napi::Function onExit);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool queue();

  void run(Worker& worker) override;

  // The program does not run, or is killed at once; but one that is known to run is left to kill().
  void recall();

  // On the loop, after run().
  void land();

  // 0, or the errno of pidfd_send_signal(2); ESRCH once it has been reaped. Once it has been launched: until then the
  // result is not ours to read.
  int kill(int signal);

  // To the program's process group if that is its own, and to the program wherever that has gone. 0, or an errno. A group
  // keeps its number for as long as its leader has not been reaped.
  int killGroup(int signal);

  void ref();
  void unref();

  // It seems to have ended.
  void onExitReady();

  // The leader of a group has ended and is reaped. `endsGroup`: what is left of the group is killed first.
  void release(bool endsGroup);

  // A pipe that JS closes from now on; -1 if there is none. What it has not taken is closed here.
  int takePipe(int index);

  // The environment ends. Of a worker's children nobody would ever collect the status: they end with it.
  // With the main thread the whole process ends, and init takes the children over.
  void shutDown();

  void discard();
  uint32_t id() const { return id_; }

 private:
  ~Process();

  // The plan was made from what the host said last time. If it says something else now, nothing is launched.
  bool lookAgain();

  // False if there is more to come.
  bool readStatus();

  void arrive();

  // What only the launcher needed. The jail stays open, as long as a failure may have to be looked into.
  void closeRequest();

  void launched();

  // The event loop cannot watch it: it must not run unwatched.
  void abandon(int error);

  static void onStatusReady(uv_poll_t* handle, int, int);

  // The status is known: the program runs, or the launcher has failed and is about to end.
  void proceed();

  // Once for each time that it is ready: its descriptor can be closed while a fork of the service has it still.
  int control(int operation);

  // 0, or an errno.
  int watch();
  void unwatch();

  // onStarted(null, pid), or onStarted(failure, jailFd), of which the pipes are closed here; the descriptor, for whoever
  // looks what was wrong, is JS's to close, and -1 if the jail was JS's own. onStarted(undefined): the host has changed.
  void tellStarted(const PlanFailure& failure);

  // onExit(exitCode | null, signal number | null, usage: eight numbers)
  void tellExit(const siginfo_t* info, const rusage& usage);

  void closeStatus();

  // The last thing: a descriptor is closed only after uv has let go of it.
  void finishIfClosed();

  Registry* registry_;
  uint32_t id_ = 0;
  const ProcessGroup group_;
  LaunchRequest request_;
  const std::shared_ptr<const HostSight> sight_;
  Thread thread_;
  Recall recall_;
  LaunchResult result_;
  // The last that the launcher has said, told once that has been reaped; until then that it never came to execve.
  PlanFailure failure_ = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  Napi::FunctionReference onStarted_;
  Napi::FunctionReference onExit_;
  uv_poll_t status_ = {};
  bool statusOpen_ = false;
  bool statusCloses_ = false;
  bool watched_ = false;
  bool awaited_ = false;
  bool changed_ = false;
  bool statusKnown_ = false;
  bool launched_ = false;
  bool hasExited_ = false;
  bool telling_ = false;  // JS its exit, which can make it call us
  bool ended_ = false;    // and reaped
  bool silent_ = false;
  bool finished_ = false;
};

}  // namespace uchroot
