// See ownid.h. systemd takes the ids of its dynamic users by the same lock files (src/core/dynamic-user.c, pick_uid()).

#include "ownid.h"

#include <cerrno>
#include <charconv>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../files/descriptor.h"
#include "host.h"

namespace uchroot {
namespace {

// Whoever may write there could take away what is in it.
int openOwn(int at, const std::string& path) {
  (void)mkdirat(at, path.c_str(), 0755);  // if it fails, openat() says so
  const int fd = openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat seen;
  if (fd < 0 || (fstat(fd, &seen) == 0 && seen.st_uid == 0 && (seen.st_mode & 022) == 0)) return fd;
  close(fd);
  errno = EPERM;
  return -1;
}

int openLocks(const std::string& path) {
  const size_t slash = path.rfind('/');
  const Descriptor parent(openOwn(AT_FDCWD, path.substr(0, slash)));
  return parent.get() < 0 ? -1 : openOwn(parent.get(), path.substr(slash + 1));
}

// A descriptor with the lock; -1 with the errno. EWOULDBLOCK: somebody else has it.
int lock(int directory, uint32_t id) {
  const std::string name = std::to_string(id);
  for (;;) {
    Descriptor file(openat(directory, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600));
    struct stat seen;
    if (file.get() < 0 || flock(file.get(), LOCK_EX | LOCK_NB) < 0 || fstat(file.get(), &seen) < 0) return -1;
    // systemd removes a file that it needs no longer
    if (seen.st_nlink > 0) return file.release();
  }
}

// Not strtoull(3): by the headers of glibc 2.38 it is a function that older ones, and musl, do not have.
uint64_t numberIn(const std::string& text) {
  uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Lines of `name:first:count` (subuid(5)).
bool isIn(const std::string& ranges, uint32_t id) {
  std::istringstream lines(ranges);
  std::string owner, first, count;
  while (std::getline(lines, owner, ':') && std::getline(lines, first, ':') && std::getline(lines, count)) {
    const uint64_t start = numberIn(first), length = numberIn(count);
    if (id >= start && id - start < length) return true;
  }
  return false;
}

}  // namespace

// The kernel walks its list of processes, to whose end it adds new ones: so a process that forks without end is seen too.
bool isIdUsed(uint32_t id) { return syscall(SYS_getpriority, PRIO_USER, id) >= 0 || errno != ESRCH; }

OwnId takeOwnId(const std::string& directory, uint32_t first, uint32_t last) {
  const Descriptor locks(openLocks(directory));
  if (locks.get() < 0) return {.error = errno};
  const AccountFacts::Ranges uids = readRanges("/etc/subuid"), gids = readRanges("/etc/subgid");
  for (uint32_t id = first; id <= last; id++) {
    if (isIdUsed(id) || isIn(uids.text, id) || isIn(gids.text, id)) continue;
    Descriptor file(lock(locks.get(), id));
    if (file.get() < 0 && errno == EWOULDBLOCK) continue;
    if (file.get() < 0) return {.error = errno};
    const LookUp<Passwd> user = findUser(id);
    const LookUp<Group> group = findGroup(id);
    if (user.error != 0 || group.error != 0) return {.error = user.error != 0 ? user.error : group.error};
    // again: a launch may have ended between, and have left processes
    if (!user.entry && !group.entry && !isIdUsed(id)) return {.id = id, .fd = file.release()};
  }
  return {.error = EUSERS};
}

}  // namespace uchroot
