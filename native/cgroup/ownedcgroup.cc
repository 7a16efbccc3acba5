// The list of this process's cgroups, and the work on them; see ownedcgroup.h.

#include "ownedcgroup.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "../plan/interpreter.h"

namespace uchroot {
namespace {

// Killed processes need some time to leave a cgroup. One that hangs in the kernel can need longer: then the cgroup is left to the
// next start, which looks for cgroups of services that have ended.
constexpr int kTries = 200;
constexpr int kTriesAtExit = 20;

void pauseBetweenTries() {
  const timespec pause = {0, 5'000'000};
  (void)nanosleep(&pause, nullptr);
}

// The cgroups that exist. Never deleted, because threads use it until the process ends.
struct Cgroups {
  std::mutex mutex;
  std::set<std::shared_ptr<OwnedCgroup>> made;
};

void removeAllAtExit();

Cgroups& cgroups() {
  static Cgroups* const all = [] {
    (void)std::atexit(removeAllAtExit);
    return new Cgroups;
  }();
  return *all;
}

void removeAllAtExit() {
  Cgroups& all = cgroups();
  const std::lock_guard<std::mutex> lock(all.mutex);
  for (int left = kTriesAtExit; left > 0; left--) {
    bool isAgain = false;
    for (const auto& cgroup : all.made) isAgain = !cgroup->removeAtExit() || isAgain;
    if (!isAgain) return;
    pauseBetweenTries();
  }
}

// PREFIX is the first string of a recipe: `NPREFIX`. A number follows it in the name.
std::string nameFor(const std::string& recipe) {
  static std::atomic<uint64_t> last = 0;
  return std::string(recipe.c_str() + 1) + "-" + std::to_string(++last);
}

// The directory in which cgroups are made, opened once for each path: a service stays in its cgroup, and the path is long, so each
// call by path takes longer (about a tenth of what a cgroup costs in all, with eight names in the path). Never closed. -1 if it cannot
// be opened.
int openDirectory(const std::string& path) {
  static std::mutex mutex;
  static auto& opened = *new std::map<std::string, int>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto known = opened.find(path);
  if (known != opened.end()) return known->second;
  const int fd = open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) opened.emplace(path, fd);
  return fd;
}

std::vector<int> openDirectories(const std::string& recipe) {
  std::vector<int> fds;
  for (size_t at = 0; at < recipe.size(); at += std::strlen(&recipe[at]) + 1) {
    if (recipe[at] == '1' || recipe[at] == '2') fds.push_back(openDirectory(&recipe[at + 1]));
  }
  return fds;
}

}  // namespace

// Some work for the crew.
class OwnedCgroup::Work final : public Task {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run(Worker&) override {
    work_();
    delete this;
  }

 private:
  ~Work() = default;
  const std::function<void()> work_;
};

std::optional<CgroupStep> takeCgroup(std::string& plan) {
  if (plan.size() < sizeof(PlanHeader)) return std::nullopt;
  PlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  if ((header.flags & PLAN_CGROUP) == 0 || !checkPlan(plan.data(), static_cast<uint32_t>(plan.size()))) return std::nullopt;
  Steps steps(plan.data());
  while (PlanStep* step = steps.next()) {
    if ((step->flags & STEP_CGROUP) == 0) continue;
    step->flags |= STEP_DONE;
    const std::string recipe(reinterpret_cast<const char*>(step + 1), step->dataBytes);
    return CgroupStep{recipe, nameFor(recipe), {steps.place(), step->op, 0, 0}};
  }
  return std::nullopt;
}

PlanFailure explainFailure(const PlanFailure& failure, const PlanFailure& step, const CgroupUse& use) {
  // execve(2) answers so if it gets no memory for its arguments (get_arg_page() in fs/exec.c).
  const bool isByExec = failure.op == PHASE_LAUNCHER && (failure.error == E2BIG || failure.error == EFAULT);
  // -1: the cgroup has no limit of memory
  const bool isTooSmall = use.numbers[kOomKills] > 0 || (use.numbers[kOomKills] == 0 && (failure.error == ENOMEM || isByExec));
  if (failure.error == 0 || !isTooSmall) return failure;
  PlanFailure better = step;
  better.error = ENOMEM;
  return better;
}

std::shared_ptr<OwnedCgroup> OwnedCgroup::of(std::string& plan, Thread thread) {
  std::optional<CgroupStep> step = takeCgroup(plan);
  return step ? std::shared_ptr<OwnedCgroup>(new OwnedCgroup(std::move(*step), thread)) : nullptr;
}

OwnedCgroup::OwnedCgroup(CgroupStep step, Thread thread)
    : step_(std::move(step)), directoryFds_(openDirectories(step_.recipe)), thread_(thread) {}

CgroupRecipe OwnedCgroup::recipe() const {
  return {step_.recipe.data(), static_cast<uint32_t>(step_.recipe.size()), step_.name.c_str(), directoryFds_.data()};
}

long OwnedCgroup::make(CgroupEntry* entry, uint32_t* detail) {
  const long made = makeCgroup(recipe(), entry, detail);
  if (made < 0) return made;
  Cgroups& all = cgroups();
  const std::lock_guard<std::mutex> lock(all.mutex);
  all.made.insert(shared_from_this());
  return 0;
}

bool OwnedCgroup::tryToRemove() {
  if (isGone_) return true;
  if (removeCgroup(recipe()) < 0) return false;
  isGone_ = true;
  Cgroups& all = cgroups();
  const std::lock_guard<std::mutex> lock(all.mutex);
  all.made.erase(shared_from_this());
  return true;
}

void OwnedCgroup::discard() { (void)tryToRemove(); }

// A task needs a thread, and the crew has one: it has made this cgroup.
void OwnedCgroup::queue(std::function<void()> work) { (void)submit(*new Work(std::move(work)), thread_); }

void OwnedCgroup::kill() {
  if (isGone_) return;
  queue([self = shared_from_this()] { killCgroup(self->recipe()); });
}

void OwnedCgroup::count(bool kills, std::function<void(const CgroupUse&)> land) {
  queue([self = shared_from_this(), kills, land = std::move(land)] {
    CgroupUse use;
    readCgroup(self->recipe(), &use);
    // it is empty nearly always, and to kill nobody takes time
    use.isLeft = !self->tryToRemove();
    if (use.isLeft && kills) {
      killCgroup(self->recipe());
      readCgroup(self->recipe(), &use);
      (void)self->tryToRemove();
    }
    land(use);
  });
}

void OwnedCgroup::remove() {
  isEnding_ = true;
  if (isGone_) return;
  queue([self = shared_from_this()] { self->removeNow(); });
}

void OwnedCgroup::removeNow() {
  for (int left = kTries; !tryToRemove(); left--) {
    if (left == 0) return;
    killCgroup(recipe());
    if (left < kTries) pauseBetweenTries();
  }
}

// A program that still runs keeps its cgroup.
bool OwnedCgroup::removeAtExit() {
  if (removeCgroup(recipe()) >= 0 || !isEnding_) return true;
  killCgroup(recipe());
  return false;
}

}  // namespace uchroot
