// All facts that a launch needs from the host, read in one call on this thread or another one; and its user and group database,
// through NSS: passwd(5), group(5), LDAP, sssd or others.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../files/way.h"
#include "ownid.h"

namespace uchroot {

struct Passwd {
  std::string name, passwd, gecos, dir, shell;
  uint32_t uid, gid;
  bool operator==(const Passwd&) const = default;
};

struct Group {
  std::string name, passwd;
  uint32_t gid;
  std::vector<std::string> members;
};

// An entry, or none. `error` is an errno if the database did not answer, otherwise 0.
template <typename Entry>
struct LookUp {
  std::optional<Entry> entry;
  int error = 0;
  bool operator==(const LookUp&) const = default;
};

LookUp<Passwd> findUser(const std::string& name);
LookUp<Passwd> findUser(uint32_t uid);
LookUp<Group> findGroup(const std::string& name);
LookUp<Group> findGroup(uint32_t gid);
LookUp<std::vector<uint32_t>> groupList(const std::string& user, uint32_t gid);

Napi::Object toObject(Napi::Env env, const Passwd& entry);

struct HostQuery {
  std::optional<std::string> user;
  std::optional<uint32_t> uid;
  std::vector<std::string> groupNames;
  std::optional<std::string> path;  // to the jail
  bool isEntry = false;  // the path may lead to a file of any kind
  bool isRootless = false;  // for a launch that needs no privilege
  std::optional<uint32_t> owner;  // of subordinate ids
  // for an id of its own (ownid.h)
  std::optional<std::string> locks;
  uint32_t firstId = 0, lastId = 0;
};

// The host's answers. JS judges only these values, so equal answers lead to the same judgement.
struct AccountFacts {
  struct Named {
    std::optional<uint32_t> gid;
    int error;
    bool operator==(const Named&) const = default;
  };
  // The content of a file of subordinate ids (subuid(5)).
  struct Ranges {
    std::string text;
    int error = 0;
    bool operator==(const Ranges&) const = default;
  };
  LookUp<Passwd> user, owner;
  Ranges uids, gids;
  std::vector<uint32_t> groups;
  std::vector<Named> named;
  bool operator==(const AccountFacts&) const = default;
};

struct HostReading {
  AccountFacts accounts;
  PathFacts path;
  int fd = -1;  // where the path leads to; owned by the receiver
  OwnId ownId = {};
};

// A file of subordinate ids.
AccountFacts::Ranges readRanges(const char* path);

HostReading readHost(const HostQuery& query);

// A query, and the answers that JS got. A later launch repeats the query, and continues only if the answers are the same.
class HostSight {
 public:
  HostSight(HostQuery query, HostReading reading);

  // Repeats the query, on any thread. True if the answers are the same and this process may still launch. Then *jailFd is a
  // descriptor of the jail.
  bool isStillTrue(int* jailFd) const;

  const HostQuery query;
  const AccountFacts accounts;
  const PathFacts path;
};

// The sight that a HostFacts object holds as `sight`; null for any other value.
std::shared_ptr<const HostSight> toSight(Napi::Value value);

}  // namespace uchroot
