// The cgroup of a launch in place: this process makes it before the launch, and the process that it becomes removes it
// (limitwatch.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../start/launch.h"
#include "ownedcgroup.h"

namespace uchroot {

class CgroupInPlace {
 public:
  // Makes the cgroup that the plan of a launch asks for, if it asks for one: the program will be born in it. Returns the failure.
  PlanFailure make(LaunchRequest& request);

  // The launch has failed: removes the cgroup. Returns a better reason if a limit was too small for the launch itself.
  PlanFailure explain(const PlanFailure& failure);

  // Adds what limitwatch.h reads.
  void describe(std::vector<std::string>& strings) const;

 private:
  CgroupRecipe recipe() const;

  std::optional<CgroupStep> step_;
  CgroupEntry entry_;
};

}  // namespace uchroot
