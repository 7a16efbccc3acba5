// Makes the cgroup of a launch in place; see cgroupinplace.h.

#include "cgroupinplace.h"

#include <cerrno>
#include <cstring>
#include <ctime>

namespace uchroot {
namespace {

constexpr int kTries = 200;

}  // namespace

CgroupRecipe CgroupInPlace::recipe() const {
  return {step_->recipe.data(), static_cast<uint32_t>(step_->recipe.size()), step_->name.c_str()};
}

PlanFailure CgroupInPlace::make(LaunchRequest& request) {
  step_ = takeCgroup(request.plan);
  PlanFailure failure = {kNoStep, 0, 0, 0};
  if (!step_) return failure;
  failure = step_->place;
  if (const long made = makeCgroup(recipe(), &entry_, &failure.detail); made < 0) {
    failure.error = static_cast<int32_t>(-made);
    step_.reset();
    return failure;
  }
  request.cgroup = &entry_;
  request.cgroupFailure = step_->place;
  return failure;
}

PlanFailure CgroupInPlace::explain(const PlanFailure& failure) {
  if (!step_) return failure;
  closeCgroup(&entry_);
  CgroupUse use;
  readCgroup(recipe(), &use);
  // the launcher has ended, and takes some time to leave it
  for (int left = kTries; removeCgroup(recipe()) == -EBUSY && left > 0; left--) {
    killCgroup(recipe());
    const timespec pause = {0, 5'000'000};
    (void)nanosleep(&pause, nullptr);
  }
  return explainFailure(failure, step_->place, use);
}

void CgroupInPlace::describe(std::vector<std::string>& strings) const {
  if (!step_) return;
  strings.push_back("N" + step_->name);
  const std::string& recipe = step_->recipe;
  for (size_t at = std::strlen(recipe.c_str()) + 1; at < recipe.size(); at += std::strlen(&recipe[at]) + 1)
    strings.push_back(&recipe[at]);
}

}  // namespace uchroot
