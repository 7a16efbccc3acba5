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

#include "../addon/loose.h"
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

}  // namespace

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

namespace {

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
  if (const Napi::Value user = object.Get("user"); !user.IsUndefined() && !(query.user = toBytes(user, "user"))) return std::nullopt;
  if (const Napi::Value uid = object.Get("uid"); !uid.IsUndefined() && !(query.uid = toUint32(uid, "uid"))) return std::nullopt;
  if (const Napi::Value names = object.Get("groupNames"); names.IsArray()) {
    auto list = toList(names, "group");
    if (!list) return std::nullopt;
    query.groupNames = std::move(*list);
  }
  if (const Napi::Value owner = object.Get("owner"); !owner.IsUndefined() && !(query.owner = toUint32(owner, "owner")))
    return std::nullopt;
  query.isRootless = isTrue(object.Get("rootless"));
  if (const Napi::Value locks = object.Get("locks"); !locks.IsUndefined()) {
    query.locks = toBytes(locks, "locks");
    const auto first = toUint32(object.Get("firstId"), "firstId"), last = toUint32(object.Get("lastId"), "lastId");
    if (!query.locks || !first || !last) return std::nullopt;
    query.firstId = *first;
    query.lastId = *last;
  }
  if (const Napi::Value jail = object.Get("jail"); !jail.IsUndefined() && !(query.path = toBytes(jail, "jail"))) return std::nullopt;
  return query;
}

// Of walkPath(path, isEntry).
std::optional<HostQuery> toWalk(const Napi::CallbackInfo& info) {
  HostQuery query;
  query.path = toBytes(info[0], "path");
  query.isEntry = isTrue(info[1]);
  return query.path ? std::optional(std::move(query)) : std::nullopt;
}

Napi::Object toObject(Napi::Env env, const PathFacts::Component& component) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", toBuffer(env, component.path));
  object.Set("parent", component.parent);
  object.Set("mode", component.mode);
  object.Set("uid", component.uid);
  object.Set("gid", component.gid);
  if (!component.link.empty()) object.Set("link", toBuffer(env, component.link));
  if (!component.acl.empty()) object.Set("acl", toBuffer(env, component.acl));
  return object;
}

Napi::Value toValue(Napi::Env env, const AccountFacts::Ranges& ranges) {
  if (ranges.error != 0) return Napi::Number::New(env, ranges.error);
  return toBuffer(env, ranges.text);
}

Napi::Value entryOrError(Napi::Env env, const LookUp<Passwd>& found) {
  if (found.entry) return toObject(env, *found.entry);
  return found.error != 0 ? Napi::Value(Napi::Number::New(env, found.error)) : env.Null();
}

// Adds the walk and its descriptor.
void addPath(Napi::Env env, Napi::Object& object, const PathFacts& path, int fd) {
  Napi::Array components = Napi::Array::New(env, path.components.size());
  for (size_t i = 0; i < path.components.size(); i++) components.Set(i, toObject(env, path.components[i]));
  object.Set("components", components);
  object.Set("isHostRoot", path.isHostRoot);
  object.Set("fd", fd);
  if (fd >= 0) looseDescriptors(env).add(fd);
  if (path.error == 0) return;
  object.Set("walkErrno", path.error);
  object.Set("walkPath", toBuffer(env, path.place));
}

Napi::Object toPathFacts(Napi::Env env, HostQuery&, HostReading& reading) {
  Napi::Object object = Napi::Object::New(env);
  addPath(env, object, reading.path, reading.fd);
  return object;
}

using SharedSight = std::shared_ptr<const HostSight>;

// Takes both over.
Napi::Object toHostFacts(Napi::Env env, HostQuery& query, HostReading& reading) {
  const int fd = reading.fd;
  const OwnId ownId = reading.ownId;
  auto* shared = new SharedSight(new HostSight(std::move(query), std::move(reading)));
  const AccountFacts& accounts = (*shared)->accounts;
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
  if ((*shared)->query.locks) {
    Napi::Object own = Napi::Object::New(env);
    own.Set("id", ownId.id);
    own.Set("fd", ownId.fd);
    own.Set("errno", ownId.error);
    if (ownId.fd >= 0) looseDescriptors(env).add(ownId.fd);
    object.Set("ownId", own);
  }
  addPath(env, object, (*shared)->path, fd);
  return object;
}

// Closes the jail if JS did not take it, because its worker has ended.
struct OwnedReading : HostReading {
  OwnedReading() = default;
  OwnedReading(const OwnedReading&) = delete;
  OwnedReading& operator=(const OwnedReading&) = delete;
  ~OwnedReading() {
    if (fd >= 0) close(fd);
    if (ownId.fd >= 0) close(ownId.fd);
  }
};

using ToObject = Napi::Object (*)(Napi::Env, HostQuery&, HostReading&);

// A look at the host that JS waits for. Its thread cannot be stopped, and may live longer than this object.
class HostLook final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kHost;
  HostLook(PendingCalls& calls, ToObject toObject) : PendingCall(calls, kKind), toObject_(toObject), promise_(calls.env()) { calls_.hold(); }

  Napi::Value promise() const { return promise_.value(); }

  void land(HostQuery query, HostReading& reading) {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (mayCallJs(env)) {
      // At its end, what waits for the promise goes on.
      const Napi::AsyncContext context(env, "uchroot.readHost");
      const Napi::CallbackScope callback(env, context);
      HostReading taken = std::exchange(reading, {});
      promise_.resolve(toObject_(env, query, taken));
    }
    delete this;
  }

  void shutDown() override { delete this; }

 private:
  ~HostLook() override { calls_.letGo(); }

  const ToObject toObject_;
  const Promise promise_;
};

class LookTask final : public Task {
 public:
  LookTask(PendingCalls& calls, uint32_t id, HostQuery query) : calls_(calls), id_(id), query_(std::move(query)) {}

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
Napi::Value lookBeside(const Napi::CallbackInfo& info, std::optional<HostQuery> query, ToObject toObject) {
  if (!query) return info.Env().Undefined();
  auto& calls = *static_cast<PendingCalls*>(info.Data());
  auto* pending = new HostLook(calls, toObject);
  const Napi::Value promise = pending->promise();
  auto* task = new LookTask(calls, pending->id(), std::move(*query));
  if (submit(*task, Thread::kLook)) return promise;
  task->discard();
  pending->shutDown();
  throwErrno(info.Env(), EAGAIN, "pthread_create");
  return info.Env().Undefined();
}

Napi::Value lookNow(const Napi::CallbackInfo& info, std::optional<HostQuery> query, ToObject toObject) {
  if (!query) return info.Env().Undefined();
  HostReading reading = readHost(*query);
  return toObject(info.Env(), *query, reading);
}

// isIdUsed(uid)
Napi::Value askId(const Napi::CallbackInfo& info) {
  const auto id = toUint32(info[0], "uid");
  return id ? Napi::Boolean::New(info.Env(), isIdUsed(*id)) : info.Env().Undefined();
}

Napi::Value readHostBeside(const Napi::CallbackInfo& info) { return lookBeside(info, toQuery(info), toHostFacts); }
Napi::Value readHostSync(const Napi::CallbackInfo& info) { return lookNow(info, toQuery(info), toHostFacts); }
Napi::Value walkPath(const Napi::CallbackInfo& info) { return lookBeside(info, toWalk(info), toPathFacts); }
Napi::Value walkPathSync(const Napi::CallbackInfo& info) { return lookNow(info, toWalk(info), toPathFacts); }

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
  if (query.path) reading.fd = walkTo(reading.path, *query.path, query.isEntry);
  if (query.locks) reading.ownId = takeOwnId(*query.locks, query.firstId, query.lastId);
  return reading;
}

HostSight::HostSight(HostQuery query, HostReading reading)
    : query(std::move(query)),
      accounts(std::move(reading.accounts)),
      path(std::move(reading.path)) {}

bool HostSight::isStillTrue(int* jailFd) const {
  if (!(query.isRootless || mayLaunch()) || readAccounts(query) != accounts) return false;
  PathFacts now;
  if (query.path) *jailFd = walkTo(now, *query.path);
  return now == path && *jailFd >= 0;
}

std::shared_ptr<const HostSight> toSight(Napi::Value value) {
  return value.IsExternal() ? *value.As<Napi::External<SharedSight>>().Data() : nullptr;
}

void initHost(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("readHost", Napi::Function::New(env, readHostBeside, "readHost", &calls));
  exports.Set("readHostSync", Napi::Function::New<readHostSync>(env, "readHostSync"));
  exports.Set("isIdUsed", Napi::Function::New<askId>(env, "isIdUsed"));
  exports.Set("walkPath", Napi::Function::New(env, walkPath, "walkPath", &calls));
  exports.Set("walkPathSync", Napi::Function::New<walkPathSync>(env, "walkPathSync"));
}

}  // namespace uchroot
