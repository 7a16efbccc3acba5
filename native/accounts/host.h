// All that a launch has to learn from the host, in one go, on the calling or on another thread.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "accounts.h"
#include "../files/way.h"

namespace uchroot {

struct HostQuery {
  std::optional<std::string> user;
  std::optional<uint32_t> uid;
  std::vector<std::string> groupNames;
  std::optional<std::string> jail;
};

// What the host answered: exactly what JS judges, so that equal answers are judged alike.
struct AccountFacts {
  struct Named {
    std::optional<uint32_t> gid;
    int error;
    bool operator==(const Named&) const = default;
  };
  LookUp<Passwd> user;
  std::vector<uint32_t> groups;
  std::vector<Named> named;
  bool operator==(const AccountFacts&) const = default;
};

struct HostReading {
  AccountFacts accounts;
  PathFacts path;
  int jailFd = -1;  // the receiver's
};

HostReading readHost(const HostQuery& query);

// What was asked, and what JS has been told: a launch asks again, and goes on only if nothing has changed.
class HostSight {
 public:
  HostSight(HostQuery query, HostReading reading);

  // Asks again. Whether the host says the same, to a process that may still launch; then there is a descriptor of the jail
  // in any case. On any thread.
  bool isStillTrue(int* jailFd) const;

  const HostQuery query;
  const AccountFacts accounts;
  const PathFacts path;
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
