// makeSpaces: namespaces that are kept for the launches of an open jail.
//
// A thread can leave the mount, network, IPC, UTS and cgroup namespaces of its process (unshare(2)). So a new thread runs the steps
// that make and fill them, opens them, and ends. A namespace lives as long as a descriptor of it (namespaces(7)).

#include "../addon/init.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "../addon/loose.h"
#include "../addon/pending.h"
#include "../addon/values.h"
#include "../plan/interpreter.h"
#include "../files/descriptor.h"
#include "../start/exec.h"

namespace uchroot {
namespace {

struct Work {
  std::string plan;
  int jailFd;
  std::vector<std::string> kinds;  // names in /proc/thread-self/ns
  std::vector<int> spaces;         // their descriptors
  PlanFailure failure = {kNoStep, PHASE_CHECK, EINVAL, 0};
};

bool fail(Work& work, int error) {
  work.failure = {kNoStep, PHASE_PREPARE, error, 0};
  return false;
}

// Steps before the program.
bool runSteps(Work& work, PlanContext& context) {
  if (!checkPlan(work.plan.data(), static_cast<uint32_t>(work.plan.size()))) return fail(work, EINVAL);
  Steps steps(work.plan.data());
  while (PlanStep* step = steps.next()) {
    if ((step->flags & STEP_PROGRAM) != 0) return true;
    uint32_t detail = 0;
    const long result = runStep(work.plan.data(), step, context, &detail);
    if (result >= 0) continue;
    work.failure = {steps.place(), step->op, static_cast<int32_t>(-result), detail, step->flags};
    return false;
  }
  return fail(work, EINVAL);
}

// The directory is opened first: afterwards no /proc is in reach.
bool makeAndOpen(Work& work) {
  const int directory = open("/proc/thread-self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return fail(work, errno);
  int trees[kMaxTrees];
  for (int& tree : trees) tree = -1;
  PlanContext context = {.jailFd = work.jailFd, .trees = trees};
  bool isMade = runSteps(work, context);
  // All threads share their descriptors: unlike in a launcher, these would stay open.
  for (int& tree : trees) closeIfOpen(tree);
  for (const std::string& kind : work.kinds) {
    if (!isMade) break;
    const int fd = openat(directory, kind.c_str(), O_RDONLY | O_CLOEXEC);
    isMade = fd >= 0 || fail(work, errno);
    if (fd >= 0) work.spaces.push_back(fd);
  }
  close(directory);
  if (isMade) work.failure.error = 0;
  return isMade;
}

void makeOnThread(Work& work) {
  pthread_t thread;
  const auto main = [](void* argument) -> void* {
    (void)makeAndOpen(*static_cast<Work*>(argument));
    return nullptr;
  };
  if (const int error = startThread(main, &work, &thread); error != 0) {
    (void)fail(work, error);
    return;
  }
  (void)pthread_join(thread, nullptr);
}

class Making : public Napi::AsyncWorker {
 public:
  Making(Napi::Env env, Work work)
      : Napi::AsyncWorker(env, "uchroot.makeSpaces"), promise_(env), work_(std::move(work)) {}

  // Closes what JS did not take, because its worker has ended, or because not everything could be made.
  ~Making() override {
    for (const int fd : work_.spaces) close(fd);
    close(work_.jailFd);
  }
  Napi::Value promise() const { return promise_.value(); }
  void Execute() override { makeOnThread(work_); }
  void OnOK() override {
    const Napi::HandleScope scope(Env());
    Napi::Object made = Napi::Object::New(Env());
    if (work_.failure.error != 0) made.Set("failure", toObject(Env(), work_.failure));
    else made.Set("fds", toDescriptors(Env(), std::exchange(work_.spaces, {})));
    promise_.resolve(made);
  }

 private:
  const Promise promise_;
  Work work_;
};

// makeSpaces({plan, jailFd, kinds}) → Promise<{fds} | {failure}>
Napi::Value makeSpaces(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = info[0].As<Napi::Object>();
  const auto plan = viewOf(given.Get("plan"));
  if (!plan) return wrongType(env, "makeSpaces({plan: Uint8Array, jailFd: number, kinds: string[]})");
  auto kinds = toList(given.Get("kinds"), "kinds");
  if (!kinds) return env.Undefined();
  Work work = {.plan = std::string(*plan),
               .jailFd = fcntl(numberOr(given.Get("jailFd"), -1), F_DUPFD_CLOEXEC, 3),
               .kinds = std::move(*kinds),
               .spaces = {}};
  auto* making = new Making(env, std::move(work));
  const Napi::Value promise = making->promise();
  making->Queue();
  return promise;
}

}  // namespace

void initSpaces(Napi::Env env, Napi::Object exports) {
  exports.Set("makeSpaces", Napi::Function::New<makeSpaces>(env, "makeSpaces"));
}

}  // namespace uchroot
