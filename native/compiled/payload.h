// The data that `uchroot --compile` puts behind the code of a compiled launcher. lib/launch/compile/payload.ts must match this
// file.
//
// It is one block of memory, little endian, aligned to 8 bytes. The kernel maps it with the code, so no file has to be opened.
// Offsets count from its start. Strings end in a zero byte. The block ends in a zero byte and a non-zero byte: a truncated file
// reads as zeros up to the end of a page (mmap(2)), so it is recognised.
#pragma once

#include <stdint.h>

namespace uchroot {

constexpr uint32_t kPayloadMagic = 0x324c4355;  // "UCL2"
constexpr uint32_t kPayloadMaxBytes = 128u << 20;
constexpr uint32_t kMaxAclBytes = 65536;  // XATTR_SIZE_MAX (linux/limits.h)

// An array of elements.
struct PayloadTable {
  uint32_t offset;
  uint32_t count;
};

// A directory on the path to the jail or to the pid file; the first one is /.
struct PathComponent {
  uint32_t name;
  uint32_t shown;  // its whole path for messages
  uint32_t mode;   // without a file type: the directory did not exist yet, and must get this mode
  uint32_t uid;
  uint32_t gid;
  PayloadTable acl;  // system.posix_acl_access as bytes, if the list can let other users write
};

// A better message than the errno's own for a step.
struct Reason {
  uint32_t step;  // index from 0
  int32_t error;
  uint32_t text;
  uint32_t hint;  // 0: none
};

// The name and text of an errno.
struct ErrorWords {
  int32_t error;
  uint32_t name;
  uint32_t text;
};

struct Payload {
  uint64_t checksum;   // XXH64 of the earlier segments, each seeding the next, and of the bytes after this field
  uint32_t magic;
  uint32_t machine;    // e_machine of the code (elf.h)
  uint32_t sizeBytes;  // of the block, this header included
  uint32_t flags;      // PayloadFlag

  uint64_t inode;       // of the jail
  int64_t birthTimeNs;  // since 1970; 0 if the file system has none: then the device is compared
  uint32_t deviceMajor;
  uint32_t deviceMinor;

  int32_t statusFd;  // --status-fd, or -1
  uint32_t pidFile;  // its name in the last directory of pidWay; 0: no pid file
  uint32_t pidFileShown;

  // The output of --plan, --help and --version.
  uint32_t planText;
  uint32_t helpText;
  uint32_t versionText;

  PayloadTable plan;        // its bytes (plan.h), at a multiple of 8
  PayloadTable components;  // PathComponent, the jail last
  PayloadTable pidWay;      // PathComponent, the directory of the pid file last; empty without a pid file
  PayloadTable words;       // strings, one for each step: `setresuid: 1001:`
  PayloadTable reasons;     // Reason
  PayloadTable errors;      // ErrorWords
  PayloadTable beginnings;  // prefixes of environment entries: `TERM=`, `LD_`; only these pass, or with FLAG_KEEP_ENV all others
  PayloadTable entries;     // NAME=value
  PayloadTable fallbacks;   // NAME=value, used if no variable of that name has passed
  PayloadTable directories; // prefixes of entries whose values are host directories: `STATE_DIRECTORY=`
  PayloadTable passing;     // errnos (int32_t) after which another try may succeed

  // --service-status: the exit statuses for a failure that will stay and for one that may pass; 0: the ordinary statuses.
  int32_t finalStatus;
  int32_t passingStatus;
  int32_t notifyFd;  // -1 in the file; at run time the socket of the service manager
  uint32_t jailPath;  // the jail's path on the host, as it appears in `directories` entries
};

enum PayloadFlag : uint32_t {
  FLAG_ANY_INODE = 1,
  FLAG_ANY_PATH = 2,  // --insecure-path: the directories above the jail are not checked
  FLAG_KEEP_ENV = 4,
};

// The machine number of this code (elf.h).
#if defined(__x86_64__)
constexpr uint32_t kMachine = 62;  // EM_X86_64
#elif defined(__aarch64__)
constexpr uint32_t kMachine = 183;  // EM_AARCH64
#endif

// True if all offsets lie inside the block and the plan is well formed.
bool checkPayload(const Payload* payload, uint64_t sizeBytes);

inline const char* stringAt(const Payload* payload, uint32_t offset) {
  return reinterpret_cast<const char*>(payload) + offset;
}

template <typename Element>
const Element* elementsOf(const Payload* payload, const PayloadTable& table) {
  return reinterpret_cast<const Element*>(reinterpret_cast<const uint8_t*>(payload) + table.offset);
}

}  // namespace uchroot
