// readHost: looks up user, groups and the path to the jail in one call, before the root directory changes: so it reads the host's
// database. NSS and the path may need a network: a service looks them up on another thread (readHost), a command on its own thread
// (readHostSync).

#include "host.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/init.h"
#include "../addon/pending.h"
#include "../addon/values.h"
#include "../files/descriptor.h"
#include "../start/crew.h"

namespace uchroot {
namespace {

constexpr size_t kMaxEntryBytes = 64u << 20;  // enough for a group of a million members; a larger entry means a broken database

// Calls get(buffer, size, &result) with larger and larger buffers (getpwnam_r(3), ERANGE). A missing entry is success without a
// result, but some NSS modules return one of these errnos instead (getpwnam_r(3), ERRORS).
template <typename Entry, typename Raw, typename Get, typename Convert>
LookUp<Entry> lookUp(Get get, Convert convert) {
  std::vector<char> buffer(1024);
  for (;;) {
    Raw raw;
    Raw* found = nullptr;
    const int error = get(&raw, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kMaxEntryBytes) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (error == EINTR) continue;
    if (found != nullptr) return {convert(*found), 0};
    const bool absent = error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    return {std::nullopt, absent ? 0 : error};
  }
}

std::string text(const char* value) { return value == nullptr ? "" : value; }

Passwd fromPasswd(const passwd& raw) {
  return {text(raw.pw_name), text(raw.pw_passwd), text(raw.pw_gecos), text(raw.pw_dir),
          text(raw.pw_shell), raw.pw_uid, raw.pw_gid};
}

Group fromGroup(const group& raw) {
  Group entry{text(raw.gr_name), text(raw.gr_passwd), raw.gr_gid, {}};
  for (char** member = raw.gr_mem; member != nullptr && *member != nullptr; member++) {
    entry.members.push_back(*member);
  }
  return entry;
}

}  // namespace

LookUp<Passwd> findUser(const std::string& name) {
  return lookUp<Passwd, passwd>(
      [&](passwd* raw, char* buffer, size_t size, passwd** found) {
        return getpwnam_r(name.c_str(), raw, buffer, size, found);
      },
      fromPasswd);
}

LookUp<Passwd> findUser(uint32_t uid) {
  return lookUp<Passwd, passwd>(
      [&](passwd* raw, char* buffer, size_t size, passwd** found) {
        return getpwuid_r(uid, raw, buffer, size, found);
      },
      fromPasswd);
}

LookUp<Group> findGroup(const std::string& name) {
  return lookUp<Group, group>(
      [&](group* raw, char* buffer, size_t size, group** found) {
        return getgrnam_r(name.c_str(), raw, buffer, size, found);
      },
      fromGroup);
}

LookUp<Group> findGroup(uint32_t gid) {
  return lookUp<Group, group>(
      [&](group* raw, char* buffer, size_t size, group** found) {
        return getgrgid_r(gid, raw, buffer, size, found);
      },
      fromGroup);
}

LookUp<std::vector<uint32_t>> groupList(const std::string& user, uint32_t gid) {
  std::vector<uint32_t> gids(64);
  for (;;) {
    int count = static_cast<int>(gids.size());
    errno = 0;
    const bool isWhole = ::getgrouplist(user.c_str(), gid, gids.data(), &count) >= 0;
    // count is the number of groups now (getgrouplist(3)). If it has not grown, the database did not answer: musl, or no memory.
    if (!isWhole && count <= static_cast<int>(gids.size())) return {std::nullopt, errno == 0 ? EIO : errno};
    gids.resize(static_cast<size_t>(count));
    if (isWhole) return {std::move(gids), 0};
  }
}

Napi::Object toObject(Napi::Env env, const Passwd& entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", entry.name);
  object.Set("passwd", entry.passwd);
  object.Set("uid", entry.uid);
  object.Set("gid", entry.gid);
  object.Set("gecos", entry.gecos);
  object.Set("dir", entry.dir);
  object.Set("shell", entry.shell);
  return object;
}

namespace {

// The file of a host with many users has some hundred kilobytes.
constexpr size_t kMostRangeBytes = 16u << 20;

AccountFacts::Ranges readRanges(const char* path) {
  AccountFacts::Ranges ranges;
  const Descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return {"", errno};
  char bytes[4096];
  while (ranges.text.size() < kMostRangeBytes) {
    const ssize_t got = read(file.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {"", errno};
    if (got == 0) return ranges;
    ranges.text.append(bytes, static_cast<size_t>(got));
  }
  return {"", EFBIG};
}

AccountFacts readAccounts(const HostQuery& query) {
  AccountFacts facts;
  if (query.owner) {
    facts.owner = findUser(*query.owner);
    facts.uids = readRanges("/etc/subuid");
    facts.gids = readRanges("/etc/subgid");
  }
  if (query.user) facts.user = findUser(*query.user);
  if (!facts.user.entry && facts.user.error == 0 && query.uid) facts.user = findUser(*query.uid);
  if (facts.user.entry) {
    // getgrouplist always lists the gid that it is given. With this invalid gid, the other entries are the memberships.
    constexpr uint32_t nobody = ~0u;
    LookUp<std::vector<uint32_t>> found = groupList(facts.user.entry->name, nobody);
    if (found.entry) facts.groups = std::move(*found.entry);
    else facts.user = {std::nullopt, found.error};  // an account without its groups would be another one
    std::erase(facts.groups, nobody);
  }
  for (const std::string& name : query.groupNames) {
    const LookUp<Group> found = findGroup(name);
    facts.named.push_back({found.entry ? std::optional(found.entry->gid) : std::nullopt, found.error});
  }
  return facts;
}

std::optional<HostQuery> toQuery(const Napi::CallbackInfo& info) {
  HostQuery query;
  const Napi::Object object = info[0].As<Napi::Object>();
  if (const Napi::Value user = object.Get("user"); !user.IsUndefined()) {
    query.user = toBytes(user, "user");
    if (!query.user) return std::nullopt;
  }
  if (const Napi::Value uid = object.Get("uid"); !uid.IsUndefined()) {
    query.uid = toUint32(uid, "uid");
    if (!query.uid) return std::nullopt;
  }
  if (const Napi::Value names = object.Get("groupNames"); names.IsArray()) {
    const Napi::Array array = names.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
      auto name = toBytes(array.Get(i), "group");
      if (!name) return std::nullopt;
      query.groupNames.push_back(std::move(*name));
    }
  }
  if (const Napi::Value owner = object.Get("owner"); !owner.IsUndefined()) {
    query.owner = toUint32(owner, "owner");
    if (!query.owner) return std::nullopt;
  }
  query.isRootless = isTrue(object.Get("rootless"));
  if (const Napi::Value jail = object.Get("jail"); !jail.IsUndefined()) {
    query.jail = toBytes(jail, "jail");
    if (!query.jail) return std::nullopt;
  }
  query.isEntry = isTrue(object.Get("isEntry"));
  return query;
}

Napi::Object toObject(Napi::Env env, const PathFacts::Component& component) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", Napi::Buffer<char>::Copy(env, component.path.data(), component.path.size()));
  object.Set("parent", component.parent);
  object.Set("mode", component.mode);
  object.Set("uid", component.uid);
  object.Set("gid", component.gid);
  if (!component.link.empty()) {
    object.Set("link", Napi::Buffer<char>::Copy(env, component.link.data(), component.link.size()));
  }
  if (!component.acl.empty()) {
    object.Set("acl", Napi::Buffer<char>::Copy(env, component.acl.data(), component.acl.size()));
  }
  return object;
}

Napi::Value toValue(Napi::Env env, const AccountFacts::Ranges& ranges) {
  if (ranges.error != 0) return Napi::Number::New(env, ranges.error);
  return Napi::Buffer<char>::Copy(env, ranges.text.data(), ranges.text.size());
}

Napi::Value entryOrError(Napi::Env env, const LookUp<Passwd>& found) {
  if (found.entry) return toObject(env, *found.entry);
  return found.error != 0 ? Napi::Value(Napi::Number::New(env, found.error)) : env.Null();
}

using SharedSight = std::shared_ptr<const HostSight>;

Napi::Object toObject(Napi::Env env, HostQuery query, HostReading reading) {
  const int jailFd = reading.jailFd;
  auto* shared = new SharedSight(new HostSight(std::move(query), std::move(reading)));
  const AccountFacts& accounts = (*shared)->accounts;
  const PathFacts& way = (*shared)->path;
  Napi::Object object = Napi::Object::New(env);
  object.Set("sight", Napi::External<SharedSight>::New(env, shared, [](Napi::Env, SharedSight* held) {
               delete held;
             }));
  object.Set("passwd", entryOrError(env, accounts.user));
  if ((*shared)->query.owner) {
    Napi::Object subordinate = Napi::Object::New(env);
    subordinate.Set("owner", entryOrError(env, accounts.owner));
    subordinate.Set("uids", toValue(env, accounts.uids));
    subordinate.Set("gids", toValue(env, accounts.gids));
    object.Set("subordinate", subordinate);
  }
  Napi::Array groups = Napi::Array::New(env, accounts.groups.size());
  for (size_t i = 0; i < accounts.groups.size(); i++) groups.Set(i, accounts.groups[i]);
  object.Set("groups", groups);
  Napi::Array named = Napi::Array::New(env, accounts.named.size());
  for (size_t i = 0; i < accounts.named.size(); i++) {
    const AccountFacts::Named& found = accounts.named[i];
    Napi::Object entry = Napi::Object::New(env);
    if (found.gid) entry.Set("gid", *found.gid);
    if (found.error != 0) entry.Set("errno", found.error);
    named.Set(i, entry);
  }
  object.Set("named", named);
  Napi::Array components = Napi::Array::New(env, way.components.size());
  for (size_t i = 0; i < way.components.size(); i++) components.Set(i, toObject(env, way.components[i]));
  object.Set("components", components);
  object.Set("isHostRoot", way.isHostRoot);
  object.Set("jailFd", jailFd);
  if (jailFd >= 0) env.GetInstanceData<OpenJails>()->add(jailFd);
  if (way.error != 0) {
    object.Set("walkErrno", way.error);
    object.Set("walkPath", Napi::Buffer<char>::Copy(env, way.place.data(), way.place.size()));
  }
  return object;
}

// Closes the jail if JS did not take it, because its worker has ended.
struct OwnedReading : HostReading {
  OwnedReading() = default;
  OwnedReading(const OwnedReading&) = delete;
  OwnedReading& operator=(const OwnedReading&) = delete;
  ~OwnedReading() {
    if (jailFd >= 0) close(jailFd);
  }
};

// A look at the host that JS waits for. Its thread cannot be stopped, and may live longer than this object.
class HostLook final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kHost;
  explicit HostLook(PendingCalls& calls) : PendingCall(calls, kKind), promise_(calls.env()) { calls_.hold(); }

  Napi::Value promise() const { return promise_.value(); }

  void land(HostQuery query, HostReading& reading) {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (mayCallJs(env)) {
      // At its end, what waits for the promise goes on.
      const Napi::AsyncContext context(env, "uchroot.readHost");
      const Napi::CallbackScope callback(env, context);
      promise_.resolve(toObject(env, std::move(query), std::exchange(reading, {})));
    }
    delete this;
  }

  void shutDown() override { delete this; }

 private:
  ~HostLook() override { calls_.letGo(); }

  const Promise promise_;
};

class LookTask final : public Task {
 public:
  LookTask(PendingCalls& calls, uint32_t id, HostQuery query) : Task(false), calls_(calls), id_(id), query_(std::move(query)) {}

  void run(Worker&) override {
    const auto reading = std::make_shared<OwnedReading>();
    static_cast<HostReading&>(*reading) = readHost(query_);
    calls_.post(id_, [reading, query = std::move(query_)](PendingCall& call) {
      static_cast<HostLook&>(call).land(query, *reading);
    });
    delete this;
  }

  void discard() { delete this; }

 private:
  ~LookTask() = default;

  PendingCalls& calls_;
  const uint32_t id_;
  HostQuery query_;
};

// Not on libuv's four threads: node:fs needs them, and a file system or a name service can hold a look for ever.
Napi::Value readHostAsync(const Napi::CallbackInfo& info) {
  auto query = toQuery(info);
  if (!query) return info.Env().Undefined();
  auto& calls = *static_cast<PendingCalls*>(info.Data());
  auto* pending = new HostLook(calls);
  const Napi::Value promise = pending->promise();
  auto* task = new LookTask(calls, pending->id(), std::move(*query));
  if (submit(*task, Thread::kLook)) return promise;
  task->discard();
  pending->shutDown();
  throwErrno(info.Env(), EAGAIN, "pthread_create");
  return info.Env().Undefined();
}

Napi::Value readHostSync(const Napi::CallbackInfo& info) {
  auto query = toQuery(info);
  if (!query) return info.Env().Undefined();
  HostReading reading = readHost(*query);
  return toObject(info.Env(), std::move(*query), std::move(reading));
}

// closeJail(jailFd)
Napi::Value closeJail(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<OpenJails>()->close(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// The same check as requireRoot() and requireCapabilities() of lib/launch/host/privilege.ts, without the capabilities that only a
// few launches need.
bool mayLaunch() {
  constexpr uint32_t kNeeded = 1u << CAP_SETGID | 1u << CAP_SETUID | 1u << CAP_SYS_CHROOT;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return getuid() == 0 && geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 &&
         (data[0].effective & kNeeded) == kNeeded;
}

}  // namespace

HostReading readHost(const HostQuery& query) {
  HostReading reading;
  reading.accounts = readAccounts(query);
  if (query.jail) reading.jailFd = walkTo(reading.path, *query.jail, query.isEntry);
  return reading;
}

HostSight::HostSight(HostQuery query, HostReading reading)
    : query(std::move(query)),
      accounts(std::move(reading.accounts)),
      path(std::move(reading.path)) {}

bool HostSight::isStillTrue(int* jailFd) const {
  if (!(query.isRootless || mayLaunch()) || readAccounts(query) != accounts) return false;
  PathFacts now;
  if (query.jail) *jailFd = walkTo(now, *query.jail);
  return now == path && *jailFd >= 0;
}

std::shared_ptr<const HostSight> toSight(Napi::Value value) {
  return value.IsExternal() ? *value.As<Napi::External<SharedSight>>().Data() : nullptr;
}

OpenJails::~OpenJails() {
  for (const int fd : open_) ::close(fd);
}

void OpenJails::add(int fd) { open_.insert(fd); }

void OpenJails::close(int fd) {
  if (open_.erase(fd) == 1) ::close(fd);
}

void initHost(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  env.SetInstanceData(new OpenJails);
  exports.Set("readHost", Napi::Function::New(env, readHostAsync, "readHost", &calls));
  exports.Set("readHostSync", Napi::Function::New<readHostSync>(env, "readHostSync"));
  exports.Set("closeJail", Napi::Function::New<closeJail>(env, "closeJail"));
}

}  // namespace uchroot
