// The time zone of a program that a compiled launcher starts.

#include "zone.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>

#include <asm/errno.h>

#include "environment.h"
#include "report.h"
#include "../plan/syscall.h"

namespace uchroot {
namespace {

bool isOneOf(const char* name, const char* const* names, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const char* a = name;
    const char* b = names[i];
    while (*a == *b && *a != 0) a++, b++;
    if (*a == *b) return true;
  }
  return false;
}

// These names mean UTC; no file is needed.
bool isUtc(const char* name) {
  static const char* const kNames[] = {"UTC", "GMT", "UCT", "Zulu", "Universal", "Greenwich"};
  constexpr uint32_t kCount = sizeof kNames / sizeof *kNames;
  const bool isEtc = name[0] == 'E' && name[1] == 't' && name[2] == 'c' && name[3] == '/';
  return isOneOf(isEtc ? name + 4 : name, kNames, kCount);
}

// The name of the file that TZ refers to; nullptr for UTC and for a rule, which has a number before any slash (POSIX.1-2024, 8.3).
const char* zoneNamed(const char* tz) {
  const char* name = *tz == ':' ? tz + 1 : tz;
  if (*name == 0 || isUtc(name)) return nullptr;
  if (*tz == ':' || *tz == '/') return name;
  for (const char* at = name; *at != 0 && *at != '/'; at++) {
    if (*at == '<' || (*at >= '0' && *at <= '9')) return nullptr;
  }
  return name;
}

// Like the program, which has the jail as its root directory. An error other than a missing file says nothing.
bool isMissing(int jailFd, const char* path) {
  open_how how = {O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT};
  const long fd = sys(__NR_openat2, jailFd, address(path), address(&how), sizeof how);
  if (fd >= 0) (void)sys(__NR_close, fd);
  return fd == -ENOENT || fd == -ENOTDIR;
}

[[gnu::noinline]] void warnUnless(const Payload* payload, const char* name, const char* directory, int jailFd) {
  Line path;
  if (*name != '/') path.put(directory).put('/');
  path.put(name);
  if (!isMissing(jailFd, path.text())) return;
  const uint64_t length = lengthOf(path.text());
  Line line;
  line.put("uchroot: warning: TZ=").plain(name, lengthOf(name)).put(": ").plain(path.text(), length);
  line.put(" is not in the jail: times are shown in UTC\nhint: uchroot-jail build ");
  line.put(stringAt(payload, payload->jailPath)).put(" --copy ").plain(path.text(), length).put('\n');
  line.write(2);
}

}  // namespace

void warnOfMissingZone(const Payload* payload, const char* const* environment, int jailFd) {
  const char* name = zoneNamed(valueOf(environment, "TZ="));
  if (name == nullptr) return;
  const char* directory = valueOf(environment, "TZDIR=");
  warnUnless(payload, name, *directory == 0 ? "/usr/share/zoneinfo" : directory, jailFd);
}

}  // namespace uchroot
