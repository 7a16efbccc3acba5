// The cgroup of one launch of this process: made before the launch, removed by a thread of the crew after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cgroup.h"
#include "../start/crew.h"

namespace uchroot {

// The step of a plan that asks for a cgroup.
struct CgroupStep {
  std::string recipe;
  std::string name;   // of the cgroup
  PlanFailure place;  // the step, for a failure there
};

// nullopt if the plan asks for none, or is malformed. The step counts as done from now on.
std::optional<CgroupStep> takeCgroup(std::string& plan);

// A better reason for the failure of a launch, if a limit was too small for the launch itself: it has this step, and its cgroup has
// counted this.
PlanFailure explainFailure(const PlanFailure& failure, const PlanFailure& step, const CgroupUse& use);

class OwnedCgroup : public std::enable_shared_from_this<OwnedCgroup> {
 public:
  // The cgroup that a plan asks for, or nullptr: see takeCgroup().
  static std::shared_ptr<OwnedCgroup> of(std::string& plan, Thread thread);

  // Its step in the plan, for a failure there.
  const PlanFailure& step() const { return step_.place; }

  // Returns 0 or a negative errno, as makeCgroup.
  long make(CgroupEntry* entry, uint32_t* detail);

  // As readCpuUs().
  int64_t cpuUs() const { return readCpuUs(recipe()); }

  // For a launch that has not begun: nobody is in it.
  void discard();

  // The other calls leave the work to a thread of the crew.

  // Sends SIGKILL to all processes in it.
  void kill();

  // Reads what it has counted, removes it if no process is left in it, and calls `land` on that thread. `kills`: all processes in it
  // get SIGKILL before.
  void count(bool kills, std::function<void(const CgroupUse&)> land);

  // Kills all processes in it and removes it.
  void remove();

  // The process ends. False if it must be tried again: a killed process is still in it.
  bool removeAtExit();

 private:
  class Work;

  OwnedCgroup(CgroupStep step, Thread thread);
  CgroupRecipe recipe() const;
  bool tryToRemove();
  void removeNow();
  void queue(std::function<void()> work);

  const CgroupStep step_;
  const std::vector<int> directoryFds_;
  const Thread thread_;
  std::atomic<bool> isEnding_ = false;  // remove() was called
  std::atomic<bool> isGone_ = false;
};

}  // namespace uchroot
