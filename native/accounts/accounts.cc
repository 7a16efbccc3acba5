// getpwnam, getgrnam and getgrouplist for JS: each call under its own name.

#include "../addon/init.h"
#include "../addon/values.h"
#include "host.h"

namespace uchroot {
namespace {

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
  const LookUp<std::vector<uint32_t>> found = groupList(*user, *gid);
  if (!found.entry) {
    throwErrno(info.Env(), found.error, "getgrouplist");
    return info.Env().Undefined();
  }
  const std::vector<uint32_t>& gids = *found.entry;
  Napi::Array list = Napi::Array::New(info.Env(), gids.size());
  for (size_t i = 0; i < gids.size(); i++) list.Set(i, gids[i]);
  return list;
}

}  // namespace

void initAccounts(Napi::Env env, Napi::Object exports) {
  exports.Set("getpwnam", Napi::Function::New<getpwnam>(env, "getpwnam"));
  exports.Set("getpwuid", Napi::Function::New<getpwuid>(env, "getpwuid"));
  exports.Set("getgrnam", Napi::Function::New<getgrnam>(env, "getgrnam"));
  exports.Set("getgrgid", Napi::Function::New<getgrgid>(env, "getgrgid"));
  exports.Set("getgrouplist", Napi::Function::New<getgrouplist>(env, "getgrouplist"));
}

}  // namespace uchroot
