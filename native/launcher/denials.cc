// Reports what a program was denied; see denials.h.
//
// The kernel tells a call, and not its result. So this process looks itself, before it lets the call go on: with the ids of the program,
// and in the root directory of the program. It opens nothing but O_PATH descriptors, and for a program its first bytes. All that it reads
// from the program is hostile: a wrong path leads to a wrong report, and to nothing else.

#include "denials.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctl.h>
#include <asm/mman.h>
#include <asm/poll.h>

#include "../plan/steps.h"
#include "../plan/syscall.h"
#include "decimal.h"

namespace uchroot {
namespace {

constexpr long kListener = 0, kReport = 1;
constexpr uint32_t kMostEntries = 1024, kMostTextBytes = 512 * 1024, kMostPathBytes = 4096, kPageBytes = 4096;
constexpr uint64_t kRead = 4, kWrite = 2, kExecute = 1;  // access(2)
constexpr uint64_t kEachAccess = 0x200;                  // AT_EACCESS
constexpr uint16_t kUnixFamily = 1;
// linux/seccomp.h of Linux 6.6
constexpr uint64_t kSetFlags = 0x40082104, kSyncWakeUp = 1;

struct Entry {
  uint64_t key;
  uint32_t name, text;  // a hash of the last component; where its text begins
  int32_t task;
  Denial denial;
};

// What argv[0] has, in this order and without gaps.
struct Given {
  uint32_t instructions, calls, avoidedBytes;
  const sock_filter* filter;
  const PathCall* rows;
  const char* avoided;  // paths of the host, each with a NUL
};

struct Reporter {
  Given given;
  Entry entries[kMostEntries];
  uint32_t count, textBytes, lost;
  int32_t root;       // of the program, which cannot change it: O_PATH
  uint32_t rootBytes;  // of the text that leads to it
  char text[kMostTextBytes];
  char path[kMostPathBytes], given_[kMostPathBytes];
};

uint32_t lengthOf(const char* text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

bool begins(const char* text, const char* with) {
  for (; *with != 0; text++, with++) {
    if (*text != *with) return false;
  }
  return true;
}

uint64_t hash(uint64_t from, const char* text, uint32_t bytes) {  // FNV-1a
  for (uint32_t i = 0; i < bytes; i++) from = (from ^ static_cast<uint8_t>(text[i])) * 0x100000001b3;
  return from;
}

const char* nameIn(const char* path, uint32_t bytes) {
  uint32_t start = bytes;
  while (start > 0 && path[start - 1] != '/') start--;
  return path + start;
}

uint32_t nameHash(const char* path, uint32_t bytes) {
  const char* name = nameIn(path, bytes);
  return static_cast<uint32_t>(hash(0xcbf29ce484222325, name, static_cast<uint32_t>(path + bytes - name)));
}

// The same answer that the kernel would have given by the filter: the instructions of lib/launch/seccomp/bpf-program.ts.
uint32_t answerOf(const Given& given, const seccomp_data& data) {
  const auto* words = reinterpret_cast<const uint32_t*>(&data);
  uint32_t value = 0;
  for (uint32_t at = 0; at < given.instructions; at++) {
    const sock_filter& one = given.filter[at];
    switch (one.code) {
      case BPF_LD | BPF_W | BPF_ABS: value = one.k < sizeof data ? words[one.k / 4] : 0; break;
      case BPF_ALU | BPF_AND | BPF_K: value &= one.k; break;
      case BPF_JMP | BPF_JA: at += one.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: at += value == one.k ? one.jt : one.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: at += value >= one.k ? one.jt : one.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: at += value > one.k ? one.jt : one.jf; break;
      case BPF_RET | BPF_K: return one.k;
      default: return SECCOMP_RET_ERRNO | EPERM;  // makes no program of ours
    }
  }
  return SECCOMP_RET_ERRNO | EPERM;
}

// Counts a denial. What has no room is counted together.
void add(Reporter& to, const Denial& denial, const char* text, int32_t task) {
  const uint64_t what = static_cast<uint64_t>(denial.architecture) << 32 | denial.number | denial.error << 16 | denial.kind << 28;
  const uint64_t key = hash(0xcbf29ce484222325 ^ what, text, denial.bytes);
  for (uint32_t i = 0; i < to.count; i++) {
    Entry& entry = to.entries[i];
    if (entry.key != key) continue;
    entry.denial.count++;
    entry.denial.needs |= denial.needs;
    entry.task = task;
    return;
  }
  if (to.count == kMostEntries || denial.bytes > kMostTextBytes - to.textBytes) {
    to.lost++;
    return;
  }
  to.entries[to.count++] = {key, nameHash(text, denial.bytes), to.textBytes, task, denial};
  for (uint32_t i = 0; i < denial.bytes; i++) to.text[to.textBytes++] = text[i];
}

// A search that has found its file has failed nowhere: what the same thread missed under this name before does not count.
void forget(Reporter& in, const char* path, uint32_t bytes, int32_t task) {
  const uint32_t name = nameHash(path, bytes);
  for (uint32_t i = 0; i < in.count; i++) {
    Entry& entry = in.entries[i];
    if (entry.name == name && entry.task == task && entry.denial.kind == DENIAL_MISSING) entry.denial.count = 0;
  }
}

// Reads at most `bytes` up to the end of a page that cannot be read. Returns how many, or a negative errno.
long readMemory(long pid, uint64_t from, void* to, uint64_t bytes) {
  const uint64_t first = kPageBytes - from % kPageBytes < bytes ? kPageBytes - from % kPageBytes : bytes;
  const struct {
    void* base;
    uint64_t bytes;
  } own = {to, bytes};
  const struct {
    uint64_t base, bytes;
  } theirs[] = {{from, first}, {from + first, bytes - first}};
  return sys(__NR_process_vm_readv, pid, address(&own), 1, address(theirs), first < bytes ? 2 : 1, 0);
}

// False for a text without an end.
bool readText(long pid, uint64_t from, char* to) {
  const long got = readMemory(pid, from, to, kMostPathBytes);
  for (long i = 0; i < got; i++) {
    if (to[i] == 0) return i > 0;
  }
  return false;
}

// The path of a unix socket in struct sockaddr_un; false for any other address (unix(7)).
bool readSocket(long pid, uint64_t from, uint64_t bytes, char* to) {
  struct {
    uint16_t family;
    char path[108];
  } seen = {};
  if (bytes <= sizeof seen.family || bytes > sizeof seen) return false;
  if (readMemory(pid, from, &seen, bytes) != static_cast<long>(bytes) || seen.family != kUnixFamily) return false;
  uint32_t length = 0;
  for (; length < sizeof seen.path && seen.path[length] != 0; length++) to[length] = seen.path[length];
  to[length] = 0;
  return length > 0;
}

// /proc/PID/NAME, or /proc/PID/fd/N
struct ProcPath {
  char text[64];
  ProcPath(long pid, const char* name, long fd = -1) {
    char* end = append(putNumber(append(text, "/proc/"), pid), name);
    if (fd >= 0) end = putNumber(end, fd);
    *end = 0;
  }
  static char* append(char* to, const char* from) {
    while (*from != 0) *to++ = *from++;
    return to;
  }
};

// The link leads from the root directory of this process, or from that of the program's mount namespace. False: it leads elsewhere.
bool readDirectory(Reporter& to, const ProcPath& link, uint32_t* bytes) {
  const long got = sys(__NR_readlinkat, AT_FDCWD, address(link.text), address(to.path), kMostPathBytes - 1);
  if (got < static_cast<long>(to.rootBytes) || got >= kMostPathBytes - 1 || to.path[0] != '/') return false;
  *bytes = static_cast<uint32_t>(got) - to.rootBytes;
  for (uint32_t i = 0; i < *bytes; i++) to.path[i] = to.path[i + to.rootBytes];
  return true;
}

// Takes `//`, `/./` and a last slash out of an absolute path, and `..` with the component before it if asked: then a link there is not
// followed. Returns its length.
uint32_t collapse(char* path, bool takesParents) {
  uint32_t bytes = 0;
  for (const char* from = path; *from != 0;) {
    while (*from == '/') from++;
    const char* end = from;
    while (*end != 0 && *end != '/') end++;
    const bool isDot = end - from == 1 && from[0] == '.', isParent = end - from == 2 && from[0] == '.' && from[1] == '.';
    if (isParent && takesParents) {
      while (bytes > 0 && path[--bytes] != '/') continue;
    } else if (end > from && !isDot) {
      path[bytes++] = '/';
      while (from < end) path[bytes++] = *from++;
    }
    from = end;
  }
  if (bytes == 0) path[bytes++] = '/';
  path[bytes] = 0;
  return bytes;
}

// Makes the path absolute in the program's root directory, in Reporter.path. Returns its length, or 0 if it is not known.
uint32_t absolute(Reporter& to, long pid, const char* path, int directory) {
  uint32_t bytes = 0;
  if (path[0] != '/') {
    const ProcPath link = directory == AT_FDCWD ? ProcPath(pid, "/cwd") : ProcPath(pid, "/fd/", directory);
    if (!readDirectory(to, link, &bytes)) return 0;
    if (bytes == 0 || to.path[bytes - 1] != '/') to.path[bytes++] = '/';
  }
  for (const char* from = path; *from != 0; from++) {
    if (bytes == kMostPathBytes - 1) return 0;
    to.path[bytes++] = *from;
  }
  to.path[bytes] = 0;
  return collapse(to.path, false);
}

// Nothing leads out of the root directory, and no file is opened (openat2(2)).
long openIn(const Reporter& in, const char* path, uint64_t flags) {
  const open_how how = {O_PATH | O_CLOEXEC | flags, 0, RESOLVE_IN_ROOT};
  return sys(__NR_openat2, in.root, address(path), address(&how), sizeof how);
}

// EROFS only if the ids would allow it: then a writable mount helps.
long mayUse(long fd, uint64_t needs) {
  if (needs == 0) return 0;
  return sys(__NR_faccessat2, fd, address(""), static_cast<long>(needs), AT_EMPTY_PATH | kEachAccess);
}

// The directory of an entry that is made or removed.
long mayChangeIn(Reporter& in, uint32_t bytes) {
  uint32_t end = bytes;
  while (end > 1 && in.path[end - 1] != '/') end--;
  const char cut = in.path[end];
  in.path[end] = 0;
  const long fd = openIn(in, in.path, O_DIRECTORY);
  in.path[end] = cut;
  if (fd < 0) return fd;
  const long allowed = mayUse(fd, kWrite | kExecute);
  (void)sys(__NR_close, fd);
  return allowed;
}

// A path that the host does not have either cannot be granted: most of the paths that a program tries. Links of the host's root are
// trusted; file systems that could hang, or that are mounted by a look, are avoided (Given.avoided).
bool isOnHost(const Reporter& reporter, const char* path) {
  const char* one = reporter.given.avoided;
  for (const char* end = one + reporter.given.avoidedBytes; one < end; one += lengthOf(one) + 1) {
    if (begins(path, one) && (path[lengthOf(one)] == '/' || path[lengthOf(one)] == 0)) return false;
  }
  struct statx seen;
  const long got = sys(__NR_statx, AT_FDCWD, address(path), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, address(&seen));
  return got != -ENOENT && got != -ENOTDIR && got != -ENAMETOOLONG && got != -ELOOP;
}

// What this process cannot see as the program does: /proc shows each process its own numbers, and /dev/fd leads there. Of /proc it asks
// only whether it is there.
bool isJudged(const char* path) {
  return !begins(path, "/dev/fd") && !begins(path, "/dev/std") && !begins(path, "/dev/tty");
}

constexpr char kProc[] = "/proc/version";

struct Wish {
  uint64_t needs = 0;    // rights to the file
  uint64_t flags = 0;    // of open(2), for the look
  bool makes = false;    // a missing file is made
  bool changes = false;  // the directory must be writable
  bool isNew = false;    // an existing file is no success of a search, and no rights to it are needed
};

Wish wishOf(uint8_t way, uint64_t flags) {
  switch (way) {
    case WAY_LOOK: return {.flags = flags & AT_SYMLINK_NOFOLLOW ? uint64_t{O_NOFOLLOW} : 0};
    case WAY_LINK: return {.flags = O_NOFOLLOW};
    case WAY_ACCESS: return {.needs = flags & 7};
    case WAY_EXECUTE:
    case WAY_SEARCH: return {.needs = kExecute};
    case WAY_WRITE:
    case WAY_CONNECT: return {.needs = kWrite};
    case WAY_CREATE: return {.needs = kWrite, .makes = true};
    case WAY_MAKE:
    case WAY_BIND: return {.flags = O_NOFOLLOW, .makes = true, .isNew = true};
    case WAY_REMOVE: return {.flags = O_NOFOLLOW, .changes = true};
    default: break;
  }
  const uint64_t mode = flags & O_ACCMODE, look = flags & O_NOFOLLOW;
  if ((flags & O_PATH) != 0) return {.flags = look};
  const uint64_t needs = (mode == O_WRONLY ? 0 : kRead) | (mode == O_RDONLY && (flags & O_TRUNC) == 0 ? 0 : kWrite);
  return {.needs = needs, .flags = look, .makes = (flags & O_CREAT) != 0};
}

// The result that the call will have, as far as it can be foreseen: 0 or a negative errno.
long foresee(Reporter& reporter, uint32_t bytes, const Wish& wish) {
  const long fd = openIn(reporter, reporter.path, wish.flags);
  if (fd >= 0) {
    const long allowed = wish.isNew ? 0 : mayUse(fd, wish.needs);
    (void)sys(__NR_close, fd);
    return allowed == 0 && wish.changes ? mayChangeIn(reporter, bytes) : allowed;
  }
  return fd == -ENOENT && wish.makes ? mayChangeIn(reporter, bytes) : fd;
}

// If a link leads to nothing, what it leads to is missing, and takes its place in Reporter.path.
bool followLink(Reporter& reporter, uint32_t* bytes) {
  const long fd = openIn(reporter, reporter.path, O_NOFOLLOW);
  if (fd < 0) return false;
  char* link = reporter.given_;
  const long got = sys(__NR_readlinkat, fd, address(""), address(link), kMostPathBytes - 1);
  (void)sys(__NR_close, fd);
  const char* name = nameIn(reporter.path, *bytes);
  const uint32_t start = got > 0 && link[0] == '/' ? 0 : static_cast<uint32_t>(name - reporter.path);
  if (got <= 0 || start + got >= kMostPathBytes) return false;
  for (long i = 0; i < got; i++) reporter.path[start + i] = link[i];
  *bytes = start + static_cast<uint32_t>(got);
  reporter.path[*bytes] = 0;
  return true;
}

void tellPath(Reporter& reporter, long error, const Wish& wish, uint32_t bytes, int32_t task) {
  const bool isMissing = error == -ENOENT || error == -ENOTDIR;
  if (!isMissing && error != -EACCES && error != -EPERM && error != -EROFS) return;
  for (int left = 8; isMissing && left > 0 && followLink(reporter, &bytes); left--) continue;
  // one path, one entry; and a place that must be avoided has no other name
  const uint32_t whole = bytes;
  bytes = collapse(reporter.path, true);
  // what was missing is a component in front of `..`
  if (isMissing && bytes != whole && foresee(reporter, bytes, {.flags = O_NOFOLLOW}) == 0) return;
  if (isMissing && !isOnHost(reporter, reporter.path)) return;
  const uint8_t needs = static_cast<uint8_t>(wish.needs | (wish.makes || wish.changes ? kWrite : 0));
  add(reporter,
      {.kind = isMissing ? DENIAL_MISSING : DENIAL_PATH, .needs = needs, .error = static_cast<uint16_t>(-error), .bytes = bytes},
      reporter.path, task);
}

// A program that begins with #! needs another one, and execve(2) does not say which of the two is missing.
void lookAtInterpreter(Reporter& reporter, int32_t task) {
  struct statx seen;
  const long fd = openIn(reporter, reporter.path, 0);
  if (fd < 0) return;
  const long got = sys(__NR_statx, fd, address(""), AT_EMPTY_PATH, STATX_TYPE, address(&seen));
  char* line = reporter.given_;
  long bytes = 0;
  if (got >= 0 && (seen.stx_mode & S_IFMT) == S_IFREG) {
    const ProcPath self(sys(__NR_getpid), "/fd/", fd);
    const long file = sys(__NR_openat, AT_FDCWD, address(self.text), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) bytes = sys(__NR_read, file, address(line), 255);
    if (file >= 0) (void)sys(__NR_close, file);
  }
  (void)sys(__NR_close, fd);
  if (bytes < 3 || line[0] != '#' || line[1] != '!') return;
  long start = 2, end;
  while (start < bytes && line[start] == ' ') start++;
  for (end = start; end < bytes && line[end] > ' ';) end++;
  line[end] = 0;
  const uint32_t length = absolute(reporter, 0, line + start, AT_FDCWD);
  if (line[start] != '/' || length == 0) return;
  const Wish wish = wishOf(WAY_EXECUTE, 0);
  if (const long error = foresee(reporter, length, wish); error < 0) tellPath(reporter, error, wish, length, task);
}

// A process that has as many files as it may have gets EMFILE. The kernel tells the number since Linux 6.2.
void lookAtFiles(Reporter& reporter, int32_t task) {
  struct statx seen = {};
  const ProcPath files(task, "/fd");
  if (sys(__NR_statx, AT_FDCWD, address(files.text), 0, STATX_SIZE, address(&seen)) < 0 || seen.stx_size == 0) return;
  rlimit64 limit = {};
  if (sys(__NR_prlimit64, task, RLIMIT_NOFILE, 0, address(&limit)) < 0 || seen.stx_size < limit.rlim_cur) return;
  add(reporter, {.kind = DENIAL_FILES, .error = EMFILE}, "", task);
}

bool isValid(uint64_t id) { return sys(__NR_ioctl, kListener, SECCOMP_IOCTL_NOTIF_ID_VALID, address(&id)) >= 0; }

void lookAt(Reporter& reporter, const seccomp_notif& call, const PathCall& row) {
  const long pid = static_cast<long>(call.pid);
  const auto argument = [&](uint8_t place) { return place == kNoArgument ? 0 : call.data.args[place]; };
  const bool isSocket = row.way == WAY_CONNECT || row.way == WAY_BIND;
  char* text = reporter.given_;
  uint64_t flags = argument(row.flags);
  if (row.way == WAY_HOW && readMemory(pid, flags, &flags, sizeof flags) != sizeof flags) return;
  if (!(isSocket ? readSocket(pid, argument(row.path), argument(row.flags), text) : readText(pid, argument(row.path), text))) return;
  const int directory = row.directory == kNoArgument ? AT_FDCWD : static_cast<int>(argument(row.directory));
  uint32_t bytes = absolute(reporter, pid, text, directory);
  // another process can have this number by now
  if (bytes == 0 || !isJudged(reporter.path) || !isValid(call.id)) return;
  const int32_t task = static_cast<int32_t>(call.pid);
  const bool isInProc = begins(reporter.path, "/proc/");
  if (isInProc) bytes = absolute(reporter, pid, kProc, AT_FDCWD);
  const Wish wish = isInProc ? Wish{} : wishOf(row.way, flags);
  const long result = foresee(reporter, bytes, wish);
  if (result < 0) return tellPath(reporter, result, wish, bytes, task);
  if (!wish.isNew) forget(reporter, reporter.path, bytes, task);
  if (row.way == WAY_OPEN || row.way == WAY_HOW) lookAtFiles(reporter, task);
  if (row.way == WAY_EXECUTE) lookAtInterpreter(reporter, task);
}

// With the first call. Its process cannot leave its root directory, nor can others of its launch.
void findRoot(Reporter& reporter, const seccomp_notif& call) {
  const ProcPath link(static_cast<long>(call.pid), "/root");
  reporter.root = static_cast<int32_t>(sys(__NR_openat, AT_FDCWD, address(link.text), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const long bytes = sys(__NR_readlinkat, AT_FDCWD, address(link.text), address(reporter.path), kMostPathBytes);
  reporter.rootBytes = bytes > 1 ? static_cast<uint32_t>(bytes) : 0;
  if (isValid(call.id)) return;
  if (reporter.root >= 0) (void)sys(__NR_close, reporter.root);
  reporter.root = -1;
}

// Looks, then lets the call go on; or answers as the filter says.
void answer(Reporter& reporter, const seccomp_notif& call) {
  const uint32_t said = answerOf(reporter.given, call.data);
  seccomp_notif_resp response = {call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  if ((said & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) {
    response = {call.id, 0, -static_cast<int32_t>(said & SECCOMP_RET_DATA), 0};
    const uint16_t error = static_cast<uint16_t>(said & SECCOMP_RET_DATA);
    const uint32_t number = static_cast<uint32_t>(call.data.nr);
    add(reporter, {.kind = DENIAL_CALL, .error = error, .architecture = call.data.arch, .number = number}, "", 0);
  } else if (call.pid > 0) {
    if (reporter.root < 0) findRoot(reporter, call);
    for (uint32_t i = 0; i < reporter.given.calls && reporter.root >= 0; i++) {
      const PathCall& row = reporter.given.rows[i];
      if (row.number == static_cast<uint32_t>(call.data.nr) && row.architecture == call.data.arch) lookAt(reporter, call, row);
    }
  }
  (void)sys(__NR_ioctl, kListener, SECCOMP_IOCTL_NOTIF_SEND, address(&response));  // fails only if the process is gone
}

[[noreturn]] void tellAll(const Reporter& reporter) {
  const auto write = [](const void* bytes, uint32_t count) {
    if (writeAll(kReport, static_cast<const uint8_t*>(bytes), count) < 0) quit(125);  // nobody is left to tell
  };
  for (uint32_t i = 0; i < reporter.count; i++) {
    const Entry& entry = reporter.entries[i];
    if (entry.denial.count == 0) continue;
    write(&entry.denial, sizeof entry.denial);
    if (entry.denial.bytes > 0) write(reporter.text + entry.text, entry.denial.bytes);
  }
  const Denial end = {.kind = DENIAL_END, .count = reporter.lost};
  write(&end, sizeof end);
  quit(0);
}

// In the user namespace of the program its ids are other ones; root there may do to its processes what root may elsewhere.
void joinUsers(const seccomp_notif& call) {
  const ProcPath link(static_cast<long>(call.pid), "/ns/user");
  const long fd = sys(__NR_openat, AT_FDCWD, address(link.text), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || sys(__NR_setns, fd, CLONE_NEWUSER) < 0) quit(125);
}

uint8_t digit(char letter) { return static_cast<uint8_t>(letter <= '9' ? letter - '0' : letter - 'a' + 10); }

void readGiven(Given* given, const char* hex, uint8_t* to) {
  for (uint64_t i = 0; hex[2 * i] != 0; i++) to[i] = static_cast<uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  const auto* words = reinterpret_cast<const uint32_t*>(to);
  given->instructions = words[0];
  given->calls = words[1];
  given->avoidedBytes = words[2];
  given->filter = reinterpret_cast<const sock_filter*>(words + 3);
  given->rows = reinterpret_cast<const PathCall*>(given->filter + given->instructions);
  given->avoided = reinterpret_cast<const char*>(given->rows + given->calls);
}

// Zeroed memory, or the end of this process.
void* makeRoom(uint64_t bytes) {
  const long made = sys(__NR_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made < 0 && made > -4096) quit(125);
  return reinterpret_cast<void*>(made);
}

// Takes numbers with commas between them; returns how many.
uint32_t readNumbers(const char* text, uint32_t* to) {
  uint32_t count = 0;
  for (; *text != 0; count++) {
    to[count] = 0;
    while (*text >= '0' && *text <= '9') to[count] = to[count] * 10 + static_cast<uint32_t>(*text++ - '0');
    if (*text == ',') text++;
  }
  return count;
}

// The ids of the program: then the kernel answers this process as it answers the program. The rights are those of the program too, and
// one to read its memory. Nobody may trace this process.
void becomeLike(const char* const* argv) {
  const char *uid = argv[1], *groups = argv[4];
  auto* numbers = static_cast<uint32_t*>(makeRoom((lengthOf(groups) + 4) * sizeof(uint32_t)));
  long result = prctl(PR_SET_DUMPABLE, 0);
  if (*uid != 0) {
    result = sys(__NR_setgroups, readNumbers(groups, numbers), address(numbers));
    if (result >= 0) result = prctl(PR_SET_KEEPCAPS, 1);
    readNumbers(argv[2], numbers);
    if (result >= 0) result = sys(__NR_setresgid, numbers[0], numbers[0], numbers[0]);
    readNumbers(uid, numbers);
    if (result >= 0) result = sys(__NR_setresuid, numbers[0], numbers[0], numbers[0]);
    readNumbers(argv[3], numbers);
    const uint32_t kept = numbers[0] | 1u << CAP_SYS_PTRACE;
    if (result >= 0) result = setCapabilities(kept, kept);
  }
  if (result >= 0) result = prctl(PR_SET_DUMPABLE, 0);  // a change of ids can set it (PR_SET_DUMPABLE(2const))
  if (result < 0) quit(125);
}

}  // namespace

void reportDenials(const char* const* argv) {
  auto& reporter = *static_cast<Reporter*>(makeRoom(sizeof(Reporter)));
  readGiven(&reporter.given, argv[0], static_cast<uint8_t*>(makeRoom(lengthOf(argv[0]) / 2 + 1)));
  reporter.root = -1;
  bool joins = argv[5][0] != 0;
  if (!joins) becomeLike(argv);
  (void)sys(__NR_ioctl, kListener, kSetFlags, kSyncWakeUp);  // an older kernel wakes this process up later
  for (;;) {
    pollfd listener = {kListener, POLLIN, 0};
    const long ready = sys(__NR_ppoll, address(&listener), 1, 0, 0, 0);
    if (ready == -EINTR) continue;
    if (ready < 0) quit(125);
    if ((listener.revents & POLLIN) == 0) tellAll(reporter);  // POLLHUP: no process has the filter any more
    seccomp_notif call = {};
    if (sys(__NR_ioctl, kListener, SECCOMP_IOCTL_NOTIF_RECV, address(&call)) < 0) continue;  // the process is gone
    if (joins) {
      joinUsers(call);
      becomeLike(argv);
      joins = false;
    }
    answer(reporter, call);
  }
}

}  // namespace uchroot
