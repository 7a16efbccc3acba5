// An id for one launch (USER `auto`).
#pragma once

#include <cstdint>
#include <string>

namespace uchroot {

// `fd` holds the lock: the id is taken until it is closed, or its process ends. `error` is an errno: EUSERS if no id is free.
struct OwnId {
  uint32_t id = 0;
  int fd = -1;
  int error = 0;
};

// Whether a process has this real user id. Only processes of this pid namespace and those below it are seen.
bool isIdUsed(uint32_t id);

// The first id of the range that no account and no process has, that nobody has locked, and that no range of /etc/subuid or
// /etc/subgid contains. `directory` has a file for each id; it is made if it is missing.
OwnId takeOwnId(const std::string& directory, uint32_t first, uint32_t last);

}  // namespace uchroot
