// The process beside a launch that reports what the program was denied. It answers the notifications of the launch's filter
// (seccomp_unotify(2)), and it decides nothing: a call that the filter refuses gets the filter's own answer, any other one goes on.
// Raw system calls only.
#pragma once

#include <stdint.h>

namespace uchroot {

// A call that takes a path. lib/launch/seccomp/path-calls.ts has the rows.
struct PathCall {
  uint32_t architecture, number;
  uint8_t path, directory, flags, way;  // places of arguments, kNoArgument: none; PathWay
};
constexpr uint8_t kNoArgument = 255;

enum PathWay : uint8_t {
  WAY_LOOK,     // follows a link at the end, unless the flags have AT_SYMLINK_NOFOLLOW
  WAY_LINK,     // does not follow it
  WAY_OPEN,     // flags of open(2)
  WAY_HOW,      // `flags` is the address of struct open_how
  WAY_ACCESS,   // `flags` is a mode of access(2)
  WAY_EXECUTE,
  WAY_SEARCH,   // chdir(2)
  WAY_WRITE,    // truncate(2)
  WAY_CREATE,   // creat(2)
  WAY_MAKE,     // a new entry in a directory
  WAY_REMOVE,   // an entry is removed
  WAY_CONNECT,  // `path` is the address of struct sockaddr
  WAY_BIND,     // the same
};

// A record of the report: what was denied, and how often. The text of the path follows.
struct Denial {
  uint8_t kind;       // DenialKind
  uint8_t needs = 0;  // the rights that were wanted: R_OK, W_OK, X_OK (access(2))
  uint16_t error = 0;
  uint32_t architecture = 0, number = 0;  // of a refused call
  uint32_t count = 1;
  uint32_t bytes = 0;  // of the text
};

enum DenialKind : uint8_t {
  DENIAL_CALL,     // the filter has refused it
  DENIAL_MISSING,  // a path that does not exist, or that cannot be reached
  DENIAL_PATH,     // a path that the program may not use so
  DENIAL_FILES,    // a process has as many open files as it may have
  DENIAL_END,      // the last record: the program has ended. `count`: how many denials had no room
};

// argv: the filter, the calls and the places to avoid in hexadecimal digits (Given), the ids and the rights of the program (uid and gid
// are empty if they are those of this process), its groups, and `in` if the ids are those in its user namespace. Descriptor 0 is the
// listener of the filter; the records go to descriptor 1.
[[noreturn]] void reportDenials(const char* const* argv);

}  // namespace uchroot
