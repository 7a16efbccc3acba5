// The host's user and group database, through NSS: passwd(5), group(5), LDAP, sssd or others.
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <vector>

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
std::vector<uint32_t> groupList(const std::string& user, uint32_t gid);

Napi::Object toObject(Napi::Env env, const Passwd& entry);

}  // namespace uchroot
