// readHost: user, groups and the path to the jail, looked up together. NSS may ask a network and a path may
// lie on one, so a service has this done on a worker thread (readHost), a command at once (readHostSync).

#include "host.h"

#include <cerrno>
#include <deque>
#include <unordered_set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "accounts.h"
#include "descriptor.h"
#include "values.h"

namespace uchroot {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's (path_resolution(7))

struct Query {
  std::optional<std::string> user;
  std::optional<uint32_t> uid;
  bool wantGroups = false;
  std::vector<std::string> groupNames;
  std::optional<std::string> jail;
};

// One object on the way to the jail, seen through a descriptor and not by name.
struct Component {
  std::string path;
  struct stat status;
  std::string link;  // where a symbolic link leads
  std::string acl;   // system.posix_acl_access, raw, if group bits stand for one
};

struct Facts {
  LookUp<Passwd> user;
  std::vector<uint32_t> groups;
  std::vector<LookUp<Group>> named;
  std::vector<Component> components;
  int jailFd = -1;
  int walkError = 0;
  std::string walkPath;
};

// A group-writable mode is the mask of an access control list where there is one (acl(5)).
std::string readAcl(int fd, const struct stat& status) {
  if (S_ISLNK(status.st_mode) || !(status.st_mode & S_IWGRP)) return "";
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  char value[4096];
  const ssize_t size = getxattr(path.c_str(), "system.posix_acl_access", value, sizeof value);
  return size > 0 ? std::string(value, static_cast<size_t>(size)) : "";
}

void pushParts(std::deque<std::string>& parts, const std::string& path) {
  std::deque<std::string> split;
  for (size_t start = 0; start < path.size();) {
    const size_t slash = path.find('/', start);
    const size_t end = slash == std::string::npos ? path.size() : slash;
    if (end > start && path.compare(start, end - start, ".") != 0) split.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  parts.insert(parts.begin(), split.begin(), split.end());
}

bool inspect(Facts& facts, int fd, const std::string& path) {
  Component component{path, {}, "", ""};
  if (fstat(fd, &component.status) < 0) return false;
  if (S_ISLNK(component.status.st_mode)) {
    char target[4096];
    const ssize_t size = readlinkat(fd, "", target, sizeof target);
    if (size < 0) return false;
    component.link.assign(target, static_cast<size_t>(size));
  }
  component.acl = readAcl(fd, component.status);
  facts.components.push_back(std::move(component));
  return true;
}

// Walks to the jail as the kernel would, but one component at a time and each by descriptor: what was
// looked at is what is used, whatever happens to the names meanwhile.
void walk(Facts& facts, const std::string& jail) {
  const auto fail = [&](const std::string& path) {
    facts.walkError = errno;
    facts.walkPath = path;
  };
  constexpr int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  Descriptor here(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (here.get() < 0 || !inspect(facts, here.get(), "/")) return fail("/");
  std::deque<std::string> parts;
  pushParts(parts, jail);
  std::vector<std::string> names;  // of the directory that `here` is
  int links = 0;
  while (!parts.empty()) {
    const std::string part = parts.front();
    parts.pop_front();
    std::string path;
    for (const std::string& name : names) path += "/" + name;
    path += "/" + part;
    Descriptor next(openat(here.get(), part.c_str(), flags));
    if (next.get() < 0) return fail(path);
    if (part == "..") {  // recorded on the way down; a symbolic link can climb out of what was recorded
      if (!names.empty()) names.pop_back();
      path = names.empty() ? "/" : "";
      for (const std::string& name : names) path += "/" + name;
    }
    if (!inspect(facts, next.get(), path)) return fail(path);
    const Component& component = facts.components.back();
    if (S_ISLNK(component.status.st_mode)) {
      if (++links > kMaxLinks) {
        errno = ELOOP;
        return fail(path);
      }
      pushParts(parts, component.link);
      if (component.link.starts_with('/')) {
        here.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (here.get() < 0) return fail("/");
        names.clear();
      }
      continue;
    }
    if (!S_ISDIR(component.status.st_mode)) {
      errno = ENOTDIR;
      return fail(path);
    }
    if (part != "..") names.push_back(part);
    here.reset(next.release());
  }
  facts.jailFd = here.release();
}

Facts read(const Query& query) {
  Facts facts;
  if (query.user) facts.user = findUser(*query.user);
  if (!facts.user.entry && facts.user.error == 0 && query.uid) facts.user = findUser(*query.uid);
  if (query.wantGroups && facts.user.entry) {
    // getgrouplist always lists the gid it is given; with none that exists, only memberships remain.
    constexpr uint32_t nobody = ~0u;
    facts.groups = groupList(facts.user.entry->name, nobody);
    std::erase(facts.groups, nobody);
  }
  for (const std::string& name : query.groupNames) facts.named.push_back(findGroup(name));
  if (query.jail) walk(facts, *query.jail);
  return facts;
}

std::optional<Query> toQuery(const Napi::CallbackInfo& info) {
  Query query;
  const Napi::Object object = info[0].As<Napi::Object>();
  if (const Napi::Value user = object.Get("user"); !user.IsUndefined()) {
    query.user = toBytes(user, "user");
    if (!query.user) return std::nullopt;
  }
  if (const Napi::Value uid = object.Get("uid"); !uid.IsUndefined()) {
    query.uid = toUint32(uid, "uid");
    if (!query.uid) return std::nullopt;
  }
  if (const Napi::Value wanted = object.Get("wantGroups"); wanted.IsBoolean()) {
    query.wantGroups = wanted.As<Napi::Boolean>().Value();
  }
  if (const Napi::Value names = object.Get("groupNames"); names.IsArray()) {
    const Napi::Array array = names.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
      auto name = toBytes(array.Get(i), "group");
      if (!name) return std::nullopt;
      query.groupNames.push_back(std::move(*name));
    }
  }
  if (const Napi::Value jail = object.Get("jail"); !jail.IsUndefined()) {
    query.jail = toBytes(jail, "jail");
    if (!query.jail) return std::nullopt;
  }
  return query;
}

Napi::Object toObject(Napi::Env env, const Component& component) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("path", Napi::Buffer<char>::Copy(env, component.path.data(), component.path.size()));
  object.Set("mode", component.status.st_mode);
  object.Set("uid", component.status.st_uid);
  object.Set("gid", component.status.st_gid);
  if (!component.link.empty()) {
    object.Set("link", Napi::Buffer<char>::Copy(env, component.link.data(), component.link.size()));
  }
  if (!component.acl.empty()) {
    object.Set("acl", Napi::Buffer<char>::Copy(env, component.acl.data(), component.acl.size()));
  }
  return object;
}

Napi::Value entryOrError(Napi::Env env, int error) {
  return error != 0 ? Napi::Value(Napi::Number::New(env, error)) : env.Null();
}

Napi::Object toObject(Napi::Env env, const Facts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("passwd", facts.user.entry ? Napi::Value(toObject(env, *facts.user.entry))
                                        : entryOrError(env, facts.user.error));
  Napi::Array groups = Napi::Array::New(env, facts.groups.size());
  for (size_t i = 0; i < facts.groups.size(); i++) groups.Set(i, facts.groups[i]);
  object.Set("groups", groups);
  Napi::Array named = Napi::Array::New(env, facts.named.size());
  for (size_t i = 0; i < facts.named.size(); i++) {
    const LookUp<Group>& found = facts.named[i];
    Napi::Object entry = Napi::Object::New(env);
    if (found.entry) entry.Set("gid", found.entry->gid);
    if (found.error != 0) entry.Set("errno", found.error);
    named.Set(i, entry);
  }
  object.Set("named", named);
  Napi::Array components = Napi::Array::New(env, facts.components.size());
  for (size_t i = 0; i < facts.components.size(); i++) components.Set(i, toObject(env, facts.components[i]));
  object.Set("components", components);
  object.Set("jailFd", facts.jailFd);
  if (facts.walkError != 0) {
    object.Set("walkErrno", facts.walkError);
    object.Set("walkPath", Napi::Buffer<char>::Copy(env, facts.walkPath.data(), facts.walkPath.size()));
  }
  return object;
}

// The jails that one environment has open. A worker can end at any time, and nothing of JS runs then.
using OpenJails = std::unordered_set<int>;

class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Env env, OpenJails* open, Query query)
      : Napi::AsyncWorker(env, "uchroot.readHost"),
        open_(open),
        deferred_(Napi::Promise::Deferred::New(env)),
        query_(std::move(query)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override { facts_ = read(query_); }
  void OnOK() override {
    const Napi::HandleScope scope(Env());
    if (facts_.jailFd >= 0) open_->insert(facts_.jailFd);
    deferred_.Resolve(toObject(Env(), facts_));
  }

 private:
  OpenJails* open_;
  Napi::Promise::Deferred deferred_;
  Query query_;
  Facts facts_;
};

Napi::Value readHost(const Napi::CallbackInfo& info) {
  auto query = toQuery(info);
  if (!query) return info.Env().Undefined();
  auto* reading = new Reading(info.Env(), static_cast<OpenJails*>(info.Data()), std::move(*query));
  const Napi::Promise promise = reading->promise();
  reading->Queue();
  return promise;
}

Napi::Value readHostSync(const Napi::CallbackInfo& info) {
  const auto query = toQuery(info);
  if (!query) return info.Env().Undefined();
  const Facts facts = read(*query);
  if (facts.jailFd >= 0) static_cast<OpenJails*>(info.Data())->insert(facts.jailFd);
  return toObject(info.Env(), facts);
}

// closeJail(jailFd)
Napi::Value closeJail(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  if (static_cast<OpenJails*>(info.Data())->erase(fd) == 1) close(fd);
  return info.Env().Undefined();
}

}  // namespace

void initHost(Napi::Env env, Napi::Object exports) {
  OpenJails* open = new OpenJails;
  env.AddCleanupHook(
      [](OpenJails* left) {
        for (const int fd : *left) close(fd);
        delete left;
      },
      open);
  exports.Set("readHost", Napi::Function::New(env, readHost, "readHost", open));
  exports.Set("readHostSync", Napi::Function::New(env, readHostSync, "readHostSync", open));
  exports.Set("closeJail", Napi::Function::New(env, closeJail, "closeJail", open));
}

}  // namespace uchroot
