// All that a launch has to learn from the host, in one go, on the calling or on another thread.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "accounts.h"

namespace uchroot {

struct HostQuery {
  std::optional<std::string> user;
  std::optional<uint32_t> uid;
  bool wantGroups = false;
  std::vector<std::string> groupNames;
  std::optional<std::string> jail;
};

// What the host answered: exactly what JS judges, so that equal answers are judged alike.
struct HostFacts {
  struct Named {
    std::optional<uint32_t> gid;
    int error;
    bool operator==(const Named&) const = default;
  };
  // One object on the way to the jail, seen through a descriptor and not by name.
  struct Component {
    std::string path;
    uint32_t mode, uid, gid;
    std::string link;  // where a symbolic link leads
    std::string acl;   // system.posix_acl_access, raw, if group bits stand for one
    bool operator==(const Component&) const = default;
  };
  LookUp<Passwd> user;
  std::vector<uint32_t> groups;
  std::vector<Named> named;
  std::vector<Component> components;
  int walkError = 0;
  std::string walkPath;
  bool operator==(const HostFacts&) const = default;
};

struct HostReading {
  HostFacts facts;
  int jailFd = -1;  // the receiver's
};

HostReading readHost(const HostQuery& query);

// What was asked, and what JS has been told: a launch asks again, and goes on only if nothing has changed.
struct HostSight {
  HostQuery query;
  HostFacts facts;
};

// Behind `sight` of the facts that JS has; null for anything else.
std::shared_ptr<const HostSight> toSight(Napi::Value value);

// The jails that one environment has open. A worker can end at any time, and nothing of JS runs then.
class OpenJails {
 public:
  ~OpenJails();
  void add(int fd);
  void close(int fd);

 private:
  std::unordered_set<int> open_;
};

void initHost(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
