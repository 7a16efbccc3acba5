// The calls of the C original: setgroups, setgid, setuid, chroot, chdir, execv. Also what a launch asks about its own process.
// Each throws the errno of its system call.
//
// They change the whole Node process, through libc. They are for readers of the C original, for tests, and for a process that
// will become another program. A launch uses the interpreter instead.

#include "init.h"

#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "values.h"

extern char** environ;

namespace uchroot {
namespace {

template <typename Call>
Napi::Value withId(const Napi::CallbackInfo& info, const char* name, Call call) {
  return withArguments<uint32_t>(info, {"id"}, [&](uint32_t id) { return checked(info.Env(), call(id), name); });
}

template <typename Call>
Napi::Value withPath(const Napi::CallbackInfo& info, const char* name, Call call) {
  return withArguments<std::string>(info, {"path"},
                                    [&](const std::string& path) { return checked(info.Env(), call(path.c_str()), name, path); });
}

Napi::Value setGid(const Napi::CallbackInfo& info) { return withId(info, "setgid", setgid); }
Napi::Value setUid(const Napi::CallbackInfo& info) { return withId(info, "setuid", setuid); }
Napi::Value changeRoot(const Napi::CallbackInfo& info) { return withPath(info, "chroot", chroot); }
Napi::Value changeDirectory(const Napi::CallbackInfo& info) { return withPath(info, "chdir", chdir); }

Napi::Value setGroups(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) return wrongType(info.Env(), "gids must be an array");
  std::vector<gid_t> gids;
  const Napi::Array list = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    const auto gid = toUint32(list.Get(i), "gid");
    if (!gid) return info.Env().Undefined();
    gids.push_back(*gid);
  }
  return checked(info.Env(), setgroups(gids.size(), gids.data()), "setgroups");
}

// execv(path, argv): it returns only if it fails, and then throws.
Napi::Value execProgram(const Napi::CallbackInfo& info) {
  return withArguments<std::string, std::vector<std::string>>(
      info, {"path", "argv"}, [&](const std::string& path, std::vector<std::string>& strings) {
        std::vector<char*> argv;
        argv.reserve(strings.size() + 1);
        for (std::string& argument : strings) argv.push_back(argument.data());
        argv.push_back(nullptr);
        // Node has marked these descriptors close-on-exec.
        for (int fd = 0; fd <= 2; fd++) fcntl(fd, F_SETFD, 0);
        return checked(info.Env(), execv(path.c_str(), argv.data()), "execv", path);
      });
}

// The effective capabilities of this thread as a bit mask, a BigInt (capget(2)).
Napi::Value effectiveCapabilities(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) < 0) return checked(info.Env(), -1, "capget");
  const uint64_t mask = data[0].effective | static_cast<uint64_t>(data[1].effective) << 32;
  return Napi::BigInt::New(info.Env(), mask);
}

// The environment's entries as bytes, including those that are not UTF-8 or have no `=` (environ(7)).
Napi::Value environmentEntries(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  for (uint32_t i = 0; environ != nullptr && environ[i] != nullptr; i++) {
    list.Set(i, toBuffer(info.Env(), environ[i]));
  }
  return list;
}

// Environment variables of the process, and their values at the last check.
class EnvironmentWatch {
 public:
  explicit EnvironmentWatch(std::vector<std::string> names) : names_(std::move(names)), values_(names_.size()) {}

  double version() {
    bool changed = false;
    for (size_t i = 0; i < names_.size(); i++) {
      const char* value = getenv(names_[i].c_str());
      if (value == nullptr ? !values_[i] : values_[i] == value) continue;
      values_[i] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      changed = true;
    }
    return changed ? ++version_ : version_;
  }

 private:
  const std::vector<std::string> names_;
  std::vector<std::optional<std::string>> values_;
  double version_ = 0;
};

// watchEnvironment(names) → () => number: counts changes.
Napi::Value watchEnvironment(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto names = toList(info[0], "names");
  if (!names) return env.Undefined();
  const auto look = [](const Napi::CallbackInfo& call) -> Napi::Value {
    return Napi::Number::New(call.Env(), static_cast<EnvironmentWatch*>(call.Data())->version());
  };
  return functionWith(env, look, "environmentVersion", std::make_unique<EnvironmentWatch>(std::move(*names)));
}

// True on the process's initial thread. Only this thread may call execve in place.
Napi::Value isMainThread(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), syscall(SYS_gettid) == getpid());
}

// landlockAbi(): the ABI of Landlock that this process can use (landlock_create_ruleset(2)); 0 without one.
Napi::Value landlockAbi(const Napi::CallbackInfo& info) {
  constexpr long kVersion = 1;  // LANDLOCK_CREATE_RULESET_VERSION
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersion);
  return Napi::Number::New(info.Env(), abi < 0 ? 0 : static_cast<double>(abi));
}

}  // namespace

void initCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("setgroups", Napi::Function::New<setGroups>(env, "setgroups"));
  exports.Set("setgid", Napi::Function::New<setGid>(env, "setgid"));
  exports.Set("setuid", Napi::Function::New<setUid>(env, "setuid"));
  exports.Set("chroot", Napi::Function::New<changeRoot>(env, "chroot"));
  exports.Set("chdir", Napi::Function::New<changeDirectory>(env, "chdir"));
  exports.Set("execv", Napi::Function::New<execProgram>(env, "execv"));
  exports.Set("effectiveCapabilities", Napi::Function::New<effectiveCapabilities>(env, "effectiveCapabilities"));
  exports.Set("environmentEntries", Napi::Function::New<environmentEntries>(env, "environmentEntries"));
  exports.Set("watchEnvironment", Napi::Function::New<watchEnvironment>(env, "watchEnvironment"));
  exports.Set("landlockAbi", Napi::Function::New<landlockAbi>(env, "landlockAbi"));
  exports.Set("isMainThread", Napi::Function::New<isMainThread>(env, "isMainThread"));
}

}  // namespace uchroot
