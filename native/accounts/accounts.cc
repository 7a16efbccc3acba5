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

// An entry, or null.
template <typename Entry>
Napi::Value answer(Napi::Env env, const LookUp<Entry>& found, const char* call) {
  if (found.error != 0) throwErrno(env, found.error, call);
  if (found.error != 0) return env.Undefined();
  return found.entry ? Napi::Value(toObject(env, *found.entry)) : env.Null();
}

Napi::Value getpwnam(const Napi::CallbackInfo& info) {
  return withArguments<std::string>(info, {"name"}, [&](auto& name) { return answer(info.Env(), findUser(name), "getpwnam_r"); });
}

Napi::Value getpwuid(const Napi::CallbackInfo& info) {
  return withArguments<uint32_t>(info, {"uid"}, [&](auto uid) { return answer(info.Env(), findUser(uid), "getpwuid_r"); });
}

Napi::Value getgrnam(const Napi::CallbackInfo& info) {
  return withArguments<std::string>(info, {"name"}, [&](auto& name) { return answer(info.Env(), findGroup(name), "getgrnam_r"); });
}

Napi::Value getgrgid(const Napi::CallbackInfo& info) {
  return withArguments<uint32_t>(info, {"gid"}, [&](auto gid) { return answer(info.Env(), findGroup(gid), "getgrgid_r"); });
}

Napi::Value getgrouplist(const Napi::CallbackInfo& info) {
  return withArguments<std::string, uint32_t>(info, {"user", "gid"}, [&](auto& user, auto gid) -> Napi::Value {
    const LookUp<std::vector<uint32_t>> found = groupList(user, gid);
    if (!found.entry) {
      throwErrno(info.Env(), found.error, "getgrouplist");
      return info.Env().Undefined();
    }
    Napi::Array list = Napi::Array::New(info.Env(), found.entry->size());
    for (size_t i = 0; i < found.entry->size(); i++) list.Set(i, (*found.entry)[i]);
    return list;
  });
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
