// What `uchroot --compile` writes behind the code of a compiled launcher: the one contract with lib/launch/compile/payload.ts.
//
// It is one block of memory, little endian, aligned to 8 bytes and mapped by the kernel with the code, so that no file has
// to be opened. Offsets count from its start. Strings end in a zero byte; the block ends in one, and in one that is not: what
// is cut off a file reads as zeros up to the end of a page (mmap(2)).
#pragma once

#include <stdint.h>

namespace uchroot {

constexpr uint32_t kPayloadMagic = 0x324c4355;  // "UCL2"
constexpr uint32_t kPayloadMaxBytes = 128u << 20;
constexpr uint32_t kMaxAclBytes = 65536;  // XATTR_SIZE_MAX (linux/limits.h)

// Elements behind each other.
struct PayloadTable {
  uint32_t offset;
  uint32_t count;
};

// A directory on the way to the jail or to the pid file, from / on.
struct PathComponent {
  uint32_t name;
  uint32_t shown;  // its whole path as messages have it
  uint32_t mode;   // without a type: it was not there, and is to be like this
  uint32_t uid;
  uint32_t gid;
  PayloadTable acl;  // system.posix_acl_access as bytes, if it can let somebody write
};

// What a step knows better than its errno.
struct Reason {
  uint32_t step;  // index from 0
  int32_t error;
  uint32_t text;
  uint32_t hint;  // 0: none
};

// An errno in words.
struct ErrorWords {
  int32_t error;
  uint32_t name;
  uint32_t text;
};

struct Payload {
  uint64_t checksum;   // XXH64 of the segments before this one, each seeding the next, and of what follows here
  uint32_t magic;
  uint32_t machine;    // e_machine of the code (elf.h)
  uint32_t sizeBytes;  // of the block, this header included
  uint32_t flags;      // PayloadFlag

  uint64_t inode;       // of the jail
  int64_t birthTimeNs;  // since 1970; 0: its file system keeps none, and the device counts
  uint32_t deviceMajor;
  uint32_t deviceMinor;

  int32_t statusFd;  // --status-fd, or -1
  uint32_t pidFile;  // its name in the last directory of pidWay, or 0
  uint32_t pidFileShown;

  // what --plan, --help and --version print
  uint32_t planText;
  uint32_t helpText;
  uint32_t versionText;

  PayloadTable plan;        // its bytes (plan.h), at a multiple of 8
  PayloadTable components;  // PathComponent, the jail last
  PayloadTable pidWay;      // the same for the directory of the pid file; empty without one
  PayloadTable words;       // strings, one a step: `setresuid: 1001:`
  PayloadTable reasons;     // Reason
  PayloadTable errors;      // ErrorWords
  PayloadTable beginnings;  // of entries of the environment that pass, or with FLAG_KEEP_ENV that do not: `TERM=`, `LD_`
  PayloadTable entries;     // NAME=value
  PayloadTable fallbacks;   // NAME=value where no variable of that name has passed
  PayloadTable directories; // beginnings of entries that name directories of the host: `STATE_DIRECTORY=`
  PayloadTable passing;     // errnos (int32_t) after which another try may succeed

  // --service-status: what a launch that fails ends with, by whether another try may succeed; 0: the statuses for a person
  int32_t finalStatus;
  int32_t passingStatus;
  int32_t notifyFd;  // -1; once it is started, the socket of the service manager
  uint32_t jailPath;  // on the host, as the entries of `directories` would have it
};

enum PayloadFlag : uint32_t {
  FLAG_ANY_INODE = 1,
  FLAG_ANY_PATH = 2,  // --insecure-path: what lies above the jail is not looked at
  FLAG_KEEP_ENV = 4,
};

// The number of this machine (elf.h).
#if defined(__x86_64__)
constexpr uint32_t kMachine = 62;  // EM_X86_64
#elif defined(__aarch64__)
constexpr uint32_t kMachine = 183;  // EM_AARCH64
#endif

// True if all that it refers to lies within it and its plan is well formed.
bool checkPayload(const Payload* payload, uint64_t sizeBytes);

inline const char* stringAt(const Payload* payload, uint32_t offset) {
  return reinterpret_cast<const char*>(payload) + offset;
}

template <typename Element>
const Element* elementsOf(const Payload* payload, const PayloadTable& table) {
  return reinterpret_cast<const Element*>(reinterpret_cast<const uint8_t*>(payload) + table.offset);
}

}  // namespace uchroot
