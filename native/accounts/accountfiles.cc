// accountFilesVersion: by the status of /etc/passwd, /etc/group and /etc/nsswitch.conf, three calls in place of some
// thirty. Wherever a change might not show in it the answer is 0, and the database is asked.

#include "accountfiles.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../files/descriptor.h"

namespace uchroot {
namespace {

constexpr const char* kSwitch = "/etc/nsswitch.conf";
constexpr std::array<const char*, 3> kFiles = {kSwitch, "/etc/passwd", "/etc/group"};

// A change within so long after another one may get the same time: of the file systems below the coarsest store seconds.
constexpr time_t kTickSeconds = 2;

using Status = std::array<struct stat, kFiles.size()>;

bool isSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

bool look(Status& status) {
  for (size_t i = 0; i < kFiles.size(); i++) {
    if (stat(kFiles[i], &status[i]) < 0) return false;
  }
  return true;
}

// Where the kernel itself sees each change. A server of files is asked anew when one is opened, but not for its status.
bool isLocal(const char* path) {
  constexpr std::array<unsigned long, 7> kinds = {EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                                  OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, SQUASHFS_MAGIC};
  struct statfs system;
  return statfs(path, &system) == 0 &&
         std::find(kinds.begin(), kinds.end(), static_cast<unsigned long>(system.f_type)) != kinds.end();
}

// The words of a line, up to a comment; `:` is one of its own.
std::vector<std::string_view> wordsOf(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return words;
    const size_t length = line.front() == ':' ? 1 : std::min(line.find_first_of(" \t:"), line.size());
    words.push_back(line.substr(0, length));
    line.remove_prefix(length);
  }
}

// Whether `files` is all that nsswitch.conf(5) names for users and groups.
bool isFilesOnly() {
  char content[16 * 1024];  // thirty times what it has; one that does not fit is no matter of course
  const Descriptor file(open(kSwitch, O_RDONLY | O_CLOEXEC));
  const ssize_t size = file.get() < 0 ? -1 : read(file.get(), content, sizeof content);
  if (size <= 0 || size == sizeof content) return false;
  int databases = 0;
  for (std::string_view rest(content, static_cast<size_t>(size)); !rest.empty();) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    const std::vector<std::string_view> words = wordsOf(rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (words.empty() || (words[0] != "passwd" && words[0] != "group" && words[0] != "initgroups")) continue;
    if (words.size() != 3 || words[1] != ":" || words[2] != "files") return false;
    if (words[0] != "initgroups") databases++;
  }
  return databases == 2;  // one that comes twice would be a matter of how libc reads it
}

struct Seen {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Status status = {};
  uint64_t version = 0;
  bool isFilesOnly = false;  // as nsswitch.conf and the file systems were at this version
  const time_t startedAt = std::time(nullptr);
};

uint64_t versionOf(Seen& seen, const Status& now, time_t at) {
  if (seen.version == 0 || !std::equal(now.begin(), now.end(), seen.status.begin(), isSame)) {
    seen.status = now;
    seen.version++;
    // libc before 2.33 reads nsswitch.conf once, and goes on by what stood there then
    seen.isFilesOnly = now[0].st_ctim.tv_sec + kTickSeconds < seen.startedAt && isFilesOnly() &&
                       std::all_of(kFiles.begin(), kFiles.end(), isLocal);
  }
  const bool isSettled = std::all_of(now.begin(), now.end(), [at](const struct stat& status) {
    return status.st_ctim.tv_sec + kTickSeconds < at;
  });
  return seen.isFilesOnly && isSettled ? seen.version : 0;
}

}  // namespace

uint64_t accountFilesVersion() {
  static Seen* const seen = new Seen;
  const time_t at = std::time(nullptr);  // before the look: what changes after it is younger
  Status now = {};
  pthread_mutex_lock(&seen->mutex);
  const uint64_t version = look(now) ? versionOf(*seen, now, at) : 0;
  pthread_mutex_unlock(&seen->mutex);
  return version;
}

}  // namespace uchroot
