// makeIdMap({uid, asUid, gid, asGid}): a user namespace for an idmapped mount (mount_setattr(2), "ID-mapped mounts").

#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../addon/init.h"
#include "../addon/values.h"
#include "../files/descriptor.h"
#include "../plan/clone.h"
#include "../plan/steps.h"

namespace uchroot {
namespace {

// A launcher gets it under the same number, which is not one of those of socket activation.
constexpr int kFirstNumber = 256;

constexpr size_t kStackBytes = size_t{8} * 1024;

// It shares this memory, and only waits for SIGKILL.
__attribute__((no_sanitize("address", "undefined"))) int holdNamespace(void* /*unused*/) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) (void)sys(__NR_ppoll, 0, 0, 0, 0);
}

bool writeMap(pid_t pid, const char* name, uint32_t onDisk, uint32_t shown) {
  const Descriptor file(open(("/proc/" + std::to_string(pid) + "/" + name).c_str(), O_WRONLY | O_CLOEXEC));
  std::string map = std::to_string(onDisk) + " " + std::to_string(shown) + " 1\n";
  // root makes the entries of an overlay
  if (shown != 0) map += std::to_string(onDisk == 0 ? shown : 0) + " 0 1\n";
  return file.get() >= 0 && write(file.get(), map.data(), map.size()) == static_cast<ssize_t>(map.size());
}

// Returns a descriptor of the namespace, or -1 with the errno.
int makeNamespace(uint32_t uid, uint32_t asUid, uint32_t gid, uint32_t asGid) {
  alignas(16) char stack[kStackBytes];
  int pidFd = -1;
  const uint64_t all = ~0ull;
  uint64_t before = 0;
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&all), address(&before), sizeof all);
  // without an exit signal, nobody else waits for it
  const long pid =
      cloneOnStack(__NR_clone, CLONE_VM | CLONE_PIDFD | CLONE_NEWUSER, address(stack + kStackBytes), holdNamespace, nullptr, address(&pidFd));
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&before), 0, sizeof before);
  if (pid < 0) return errno = static_cast<int>(-pid), -1;
  const Descriptor child(pidFd);
  const auto number = static_cast<pid_t>(pid);
  const bool isMapped = writeMap(number, "uid_map", uid, asUid) && writeMap(number, "gid_map", gid, asGid);
  const Descriptor space(isMapped ? open(("/proc/" + std::to_string(pid) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC) : -1);
  const int fd = space.get() < 0 ? -1 : fcntl(space.get(), F_DUPFD_CLOEXEC, kFirstNumber);
  const int error = errno;
  (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
  while (waitpid(number, nullptr, __WALL) < 0 && errno == EINTR) continue;
  errno = error;
  return fd;
}

Napi::Value makeIdMap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = info[0].As<Napi::Object>();
  const auto id = [&](const char* key) { return toUint32(given.Get(key), key); };
  const auto uid = id("uid"), asUid = id("asUid"), gid = id("gid"), asGid = id("asGid");
  if (!uid || !asUid || !gid || !asGid) return env.Undefined();
  const int fd = makeNamespace(*uid, *asUid, *gid, *asGid);
  return fd < 0 ? checked(env, -1, "clone") : Napi::Number::New(env, fd);
}

}  // namespace

void initMountIds(Napi::Env env, Napi::Object exports) {
  exports.Set("makeIdMap", Napi::Function::New<makeIdMap>(env, "makeIdMap"));
}

}  // namespace uchroot
