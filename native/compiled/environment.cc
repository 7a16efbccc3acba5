// Builds the program's environment by the rules of lib/launch/host/environment.ts.

#include "environment.h"

#include "report.h"

namespace uchroot {
namespace {

// Length of an entry's name; 0 for an entry without a name or without `=`, which is never kept.
uint32_t nameLength(const char* entry) {
  uint32_t length = 0;
  while (entry[length] != 0 && entry[length] != '=') length++;
  return entry[length] == '=' ? length : 0;
}

bool sameName(const char* a, const char* b, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

bool beginsWith(const char* entry, const char* beginning) {
  while (*beginning != 0) {
    if (*entry++ != *beginning++) return false;
  }
  return true;
}

bool isListed(const Payload* payload, const PayloadTable& table, const char* entry) {
  const uint32_t* beginnings = elementsOf<uint32_t>(payload, table);
  for (uint32_t i = 0; i < table.count; i++) {
    const char* beginning = stringAt(payload, beginnings[i]);
    // Most entries differ in the first character. Comparing it first avoids calls that would take half of the time for the
    // environment.
    if (*entry == *beginning && beginsWith(entry, beginning)) return true;
  }
  return false;
}

bool hasName(const char* const* entries, const char* const* end, const char* entry, uint32_t length) {
  for (; entries != end; entries++) {
    if (nameLength(*entries) == length && sameName(*entries, entry, length)) return true;
  }
  return false;
}

bool isOfActivation(const char* entry) {
  return beginsWith(entry, "LISTEN_PID=") || beginsWith(entry, "LISTEN_PIDFDID=") ||
         beginsWith(entry, "LISTEN_FDS=") || beginsWith(entry, "LISTEN_FDNAMES=");
}

uint64_t count(const char* const* entries) {
  uint64_t count = 0;
  while (entries[count] != nullptr) count++;
  return count;
}

// A decimal number without leading zeros, below 10^digits; otherwise -1.
long toNumber(const char* text, int digits) {
  if (*text < '1' || *text > '9') return -1;
  long value = 0;
  for (; *text != 0; text++, digits--) {
    if (*text < '0' || *text > '9' || digits == 0) return -1;
    value = value * 10 + (*text - '0');
  }
  return value;
}

bool goesUp(const char* path, uint64_t length) {
  for (uint64_t i = 0; i + 1 < length; i++) {
    const bool begins = i == 0 || path[i - 1] == '/';
    const bool ends = i + 2 == length || path[i + 2] == '/';
    if (begins && ends && path[i] == '.' && path[i + 1] == '.') return true;
  }
  return false;
}

// Converts a host path inside the jail to the path in the jail; nullptr for other paths. `length` is the path's length before and
// after.
const char* toJailPath(const char* path, uint64_t* length, const char* jail) {
  const uint64_t above = lengthOf(jail);
  if (goesUp(path, *length)) return nullptr;  // with `..` the path can lead out of the jail
  if (above == 1) return path;
  if (*length < above || !sameName(path, jail, static_cast<uint32_t>(above))) return nullptr;
  if (*length == above) {
    *length = 1;
    return "/";
  }
  *length -= above;
  return path[above] == '/' ? path + above : nullptr;
}

// Not inlined because of the Line: see compiled.cc.
[[gnu::noinline]] void warnOfLost(const char* name, uint32_t nameBytes, const char* path, uint64_t length) {
  Line line;
  line.put("uchroot: warning: environment: ");
  for (uint32_t i = 0; i < nameBytes; i++) line.put(name[i]);
  line.put(": ");
  line.plain(path, length);
  line.put(" is outside the jail, and is left out\nhint: mount it into the jail (BindPaths=), and compile it with --setenv\n");
  line.write(2);
}

// Does the same as lib/launch/host/environment.ts. A path only becomes shorter, so it is changed in place. False if no path is
// left.
bool translateDirectories(const Payload* payload, char* entry, uint32_t nameBytes) {
  char* end = entry + nameBytes + 1;
  const char* const first = end;
  for (const char* path = first; path != nullptr;) {
    uint64_t length = 0;
    while (path[length] != 0 && path[length] != ':') length++;
    const char* next = path[length] == 0 ? nullptr : path + length + 1;
    const uint64_t hostLength = length;
    const char* jailPath = toJailPath(path, &length, stringAt(payload, payload->jailPath));
    if (jailPath == nullptr) {
      warnOfLost(entry, nameBytes, path, hostLength);
    } else {
      if (end != first) *end++ = ':';
      for (uint64_t i = 0; i < length; i++) *end++ = jailPath[i];
    }
    path = next;
  }
  *end = 0;
  return end != first;
}

// A program in a pid namespace of its own has pid 2 there (lib/launch/plan/isolated.ts).
bool isInPidNamespace(const Payload* payload) {
  return elementsOf<PlanHeader>(payload, payload->plan)->stages > 1;
}

// Puts the program's pid there in place of this process's: sd_listen_fds(3), sd_watchdog_enabled(3). The entry is on the stack.
void movePid(char* entry, long pid) {
  uint64_t length = nameLength(entry);
  if (!beginsWith(entry, "LISTEN_PID=") && !beginsWith(entry, "WATCHDOG_PID=")) return;
  if (toNumber(entry + length + 1, 10) != pid) return;
  entry[length + 1] = '2';
  entry[length + 2] = 0;
}

}  // namespace

const char* valueOf(const char* const* caller, const char* beginning) {
  for (; *caller != nullptr; caller++) {
    if (beginsWith(*caller, beginning)) return *caller + lengthOf(beginning);
  }
  return "";
}

int countListenFds(const char* const* caller, long pid) {
  const long fds = toNumber(valueOf(caller, "LISTEN_FDS="), 5);
  if (fds < 0 || toNumber(valueOf(caller, "LISTEN_PID="), 10) != pid) return 0;
  return static_cast<int>(fds);
}

uint64_t environmentSlots(const Payload* payload, const char* const* caller) {
  return count(caller) + payload->entries.count + payload->fallbacks.count + 1;
}

void buildEnvironment(const Payload* payload, const char* const* caller, long pid, bool listens, const char** result) {
  const bool isMoved = isInPidNamespace(payload);
  const char** next = result;
  for (; *caller != nullptr; caller++) {
    const uint32_t length = nameLength(*caller);
    if (length == 0 || isListed(payload, payload->beginnings, *caller) == ((payload->flags & FLAG_KEEP_ENV) != 0))
      continue;
    if (isOfActivation(*caller) && !listens) continue;
    if (isMoved && beginsWith(*caller, "LISTEN_PIDFDID=")) continue;
    // If a name occurs twice, the first entry counts, as for getenv(3).
    if (hasName(result, next, *caller, length)) continue;
    // The entries are on this process's stack, so they may be changed.
    if (isListed(payload, payload->directories, *caller) &&
        !translateDirectories(payload, const_cast<char*>(*caller), length))
      continue;
    if (isMoved) movePid(const_cast<char*>(*caller), pid);
    *next++ = *caller;
  }
  const char* const* passed = next;
  const uint32_t* fallbacks = elementsOf<uint32_t>(payload, payload->fallbacks);
  for (uint32_t i = 0; i < payload->fallbacks.count; i++) {
    const char* entry = stringAt(payload, fallbacks[i]);
    if (!hasName(result, passed, entry, nameLength(entry))) *next++ = entry;
  }
  const uint32_t* entries = elementsOf<uint32_t>(payload, payload->entries);
  for (uint32_t i = 0; i < payload->entries.count; i++) *next++ = stringAt(payload, entries[i]);
  *next = nullptr;
}

}  // namespace uchroot
