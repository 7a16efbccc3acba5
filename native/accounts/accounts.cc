// getpwnam_r, getgrnam_r, getgrouplist. They run before the root directory changes, so they read the host's database.

#include "accounts.h"

#include <cerrno>

#include <grp.h>
#include <pwd.h>

#include "../addon/init.h"
#include "../addon/values.h"

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

Napi::Object toObject(Napi::Env env, const Group& entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", entry.name);
  object.Set("passwd", entry.passwd);
  object.Set("gid", entry.gid);
  Napi::Array members = Napi::Array::New(env, entry.members.size());
  for (size_t i = 0; i < entry.members.size(); i++) members.Set(i, Napi::String::New(env, entry.members[i]));
  object.Set("members", members);
  return object;
}

// getpwnam(nameOrUid), getgrnam(nameOrGid): an entry or null.
template <typename Find>
Napi::Value answer(const Napi::CallbackInfo& info, const char* call, Find find) {
  const Napi::Env env = info.Env();
  const auto found = find();
  if (!found) return env.Undefined();  // the argument was refused
  if (found->error != 0) {
    throwErrno(env, found->error, call);
    return env.Undefined();
  }
  return found->entry ? Napi::Value(toObject(env, *found->entry)) : env.Null();
}

Napi::Value getpwnam(const Napi::CallbackInfo& info) {
  return answer(info, "getpwnam_r", [&]() -> std::optional<LookUp<Passwd>> {
    const auto name = toBytes(info[0], "name");
    if (!name) return std::nullopt;
    return findUser(*name);
  });
}

Napi::Value getpwuid(const Napi::CallbackInfo& info) {
  return answer(info, "getpwuid_r", [&]() -> std::optional<LookUp<Passwd>> {
    const auto uid = toUint32(info[0], "uid");
    if (!uid) return std::nullopt;
    return findUser(*uid);
  });
}

Napi::Value getgrnam(const Napi::CallbackInfo& info) {
  return answer(info, "getgrnam_r", [&]() -> std::optional<LookUp<Group>> {
    const auto name = toBytes(info[0], "name");
    if (!name) return std::nullopt;
    return findGroup(*name);
  });
}

Napi::Value getgrgid(const Napi::CallbackInfo& info) {
  return answer(info, "getgrgid_r", [&]() -> std::optional<LookUp<Group>> {
    const auto gid = toUint32(info[0], "gid");
    if (!gid) return std::nullopt;
    return findGroup(*gid);
  });
}

Napi::Value getgrouplist(const Napi::CallbackInfo& info) {
  const auto user = toBytes(info[0], "user");
  if (!user) return info.Env().Undefined();
  const auto gid = toUint32(info[1], "gid");
  if (!gid) return info.Env().Undefined();
  const std::vector<uint32_t> gids = groupList(*user, *gid);
  Napi::Array list = Napi::Array::New(info.Env(), gids.size());
  for (size_t i = 0; i < gids.size(); i++) list.Set(i, gids[i]);
  return list;
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

std::vector<uint32_t> groupList(const std::string& user, uint32_t gid) {
  std::vector<gid_t> gids(64);
  int count = static_cast<int>(gids.size());
  while (::getgrouplist(user.c_str(), gid, gids.data(), &count) < 0) {
    // count is the number of groups now (getgrouplist(3)). The database can grow between two calls.
    gids.resize(static_cast<size_t>(count) > gids.size() ? count : gids.size() * 2);
    count = static_cast<int>(gids.size());
  }
  return {gids.begin(), gids.begin() + count};
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

void initAccounts(Napi::Env env, Napi::Object exports) {
  exports.Set("getpwnam", Napi::Function::New<getpwnam>(env, "getpwnam"));
  exports.Set("getpwuid", Napi::Function::New<getpwuid>(env, "getpwuid"));
  exports.Set("getgrnam", Napi::Function::New<getgrnam>(env, "getgrnam"));
  exports.Set("getgrgid", Napi::Function::New<getgrgid>(env, "getgrgid"));
  exports.Set("getgrouplist", Napi::Function::New<getgrouplist>(env, "getgrouplist"));
}

}  // namespace uchroot
