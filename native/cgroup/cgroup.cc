// Makes, reads, kills and removes the cgroup of a launch; see cgroup.h.

#include "cgroup.h"

#include <linux/fcntl.h>
#include <signal.h>  // the one of libc, as the addon has it already

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "../plan/syscall.h"

namespace uchroot {
namespace {

constexpr uint32_t kPathBytes = 4096;

uint32_t lengthOf(const char* text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

// The strings of a recipe, one after the other.
class Strings {
 public:
  explicit Strings(const CgroupRecipe& recipe) : recipe(recipe), at_(recipe.data), end_(recipe.data + recipe.bytes) {}

  // nullptr after the last one.
  const char* next() {
    if (at_ >= end_) return nullptr;
    const char* string = at_;
    at_ += lengthOf(string) + 1;
    index_++;
    if (*string != '1' && *string != '2') return string;
    directory_ = string + 1;
    hierarchy_++;
    return string;
  }

  uint32_t index() const { return index_ - 1; }
  // Of the hierarchy that the last string belongs to.
  const char* directory() const { return directory_; }
  int directoryFd() const { return recipe.directoryFds == nullptr ? -1 : recipe.directoryFds[hierarchy_]; }

  const CgroupRecipe& recipe;

 private:
  const char* at_;
  const char* end_;
  const char* directory_ = nullptr;
  int hierarchy_ = -1;
  uint32_t index_ = 0;
};

// A path of the launch's cgroup: DIRECTORY/NAME, or DIRECTORY/NAME/FILE. Without the directory if that is open: then the kernel has
// fewer names to look up.
struct Path {
  const long from;
  char text[kPathBytes];
  uint32_t length = 0;
  bool fits = true;

  void add(const char* part, uint32_t bytes) {
    fits = fits && length + bytes < kPathBytes;
    for (uint32_t i = 0; fits && i < bytes; i++) text[length++] = part[i];
    text[length] = 0;
  }

  explicit Path(const Strings& strings, const char* file = nullptr, uint32_t fileBytes = 0)
      : from(strings.directoryFd() < 0 ? AT_FDCWD : strings.directoryFd()) {
    if (from == AT_FDCWD) {
      add(strings.directory(), lengthOf(strings.directory()));
      add("/", 1);
    }
    add(strings.recipe.name, lengthOf(strings.recipe.name));
    if (file == nullptr) return;
    add("/", 1);
    add(file, fileBytes);
  }

  long open(long flags) const {
    return fits ? sys(__NR_openat, from, address(text), flags | O_CLOEXEC) : -ENAMETOOLONG;
  }
};

uint32_t findByte(const char* text, char wanted) {
  uint32_t i = 0;
  while (text[i] != 0 && text[i] != wanted) i++;
  return i;
}

// Performs `=FILE=TEXT` and its like.
long put(const Strings& strings, const char* line) {
  const char* file = line + 1;
  const uint32_t fileBytes = findByte(file, '=');
  if (file[fileBytes] == 0) return -EINVAL;
  const char* content = file + fileBytes + 1;
  const long fd = Path(strings, file, fileBytes).open(O_WRONLY);
  if (fd == -ENOENT && *line == '?') return 0;
  if (fd < 0) return fd;
  const long wrote = sys(__NR_write, fd, address(content), lengthOf(content));
  (void)sys(__NR_close, fd);  // kernfs reports errors at the write
  return wrote < 0 ? wrote : 0;
}

// A part of a file: all files that are read here are short.
long readFile(const Path& path, char* text, uint32_t bytes) {
  const long fd = path.open(O_RDONLY);
  if (fd < 0) return fd;
  const long got = sys(__NR_read, fd, address(text), bytes - 1);
  (void)sys(__NR_close, fd);
  if (got >= 0) text[got] = 0;
  return got;
}

bool beginsWith(const char* text, const char* key) {
  uint32_t i = 0;
  while (key[i] != 0 && text[i] == key[i]) i++;
  return key[i] == 0 && text[i] == ' ';
}

int64_t numberAt(const char* text) {
  if (*text < '0' || *text > '9') return -1;
  int64_t value = 0;
  for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (*text - '0');
  return value;
}

// The number on the line of a key; without a key, the first number.
int64_t findNumber(const char* text, const char* key) {
  if (*key == 0) return numberAt(text);
  while (!beginsWith(text, key)) {
    text += findByte(text, '\n');
    if (*text++ == 0) return -1;
  }
  return numberAt(text + lengthOf(key) + 1);
}

// `<SLOTFILE[:KEY]`
void take(const Strings& strings, const char* line, CgroupUse* use) {
  const int slot = line[1] - '0';
  if (slot < 0 || slot >= kCgroupNumbers) return;
  const char* file = line + 2;
  const uint32_t fileBytes = findByte(file, ':');
  char text[4096];
  if (readFile(Path(strings, file, fileBytes), text, sizeof text) < 0) return;
  use->numbers[slot] = findNumber(text, file[fileBytes] == ':' ? file + fileBytes + 1 : "");
}

long enter(const Strings& strings, bool isUnified, CgroupEntry* entry) {
  const Path path(strings);
  if (!path.fits) return -ENAMETOOLONG;
  if (const long made = sys(__NR_mkdirat, path.from, address(path.text), 0755); made < 0) return made;
  if (isUnified) {
    const long fd = path.open(O_DIRECTORY | O_PATH);
    entry->bornFd = static_cast<int>(fd);
    return fd < 0 ? fd : 0;
  }
  if (entry->tasks == kMostHierarchies) return -E2BIG;
  const long fd = Path(strings, "tasks", 5).open(O_WRONLY);
  if (fd < 0) return fd;
  entry->taskFds[entry->tasks++] = static_cast<int>(fd);
  return 0;
}

// cgroup v1 has no file for this. The list holds the processes of this moment.
void killListed(const Strings& strings) {
  char text[4096];
  const long got = readFile(Path(strings, "cgroup.procs", 12), text, sizeof text);
  for (long i = 0; i < got; i += findByte(text + i, '\n') + 1) {
    const int64_t pid = numberAt(text + i);
    // The last number of a full buffer may be cut.
    const bool isWhole = text[i + findByte(text + i, '\n')] == '\n';
    if (pid > 1 && isWhole) (void)sys(__NR_kill, pid, SIGKILL);  // it may have ended
  }
}

}  // namespace

long makeCgroup(const CgroupRecipe& recipe, CgroupEntry* entry, uint32_t* detail) {
  Strings strings(recipe);
  while (const char* line = strings.next()) {
    long result = 0;
    if (*line == '1' || *line == '2') result = enter(strings, *line == '2', entry);
    if (*line == '=' || *line == '?') result = put(strings, line);
    if (result >= 0) continue;
    *detail = strings.index();
    closeCgroup(entry);
    (void)removeCgroup(recipe);  // nobody has entered it
    return result;
  }
  return 0;
}

void closeCgroup(CgroupEntry* entry) {
  if (entry->bornFd >= 0) (void)sys(__NR_close, entry->bornFd);
  entry->bornFd = -1;
  while (entry->tasks > 0) (void)sys(__NR_close, entry->taskFds[--entry->tasks]);
}

void killCgroup(const CgroupRecipe& recipe) {
  Strings strings(recipe);
  bool isKilled = false;
  while (const char* line = strings.next()) {
    if (*line == '!') (void)put(strings, line);
    if (*line == '2') isKilled = put(strings, "=cgroup.kill=1") == 0;
  }
  for (Strings again(recipe); !isKilled;) {
    const char* line = again.next();
    if (line == nullptr) return;
    if (*line == '1' || *line == '2') killListed(again);
  }
}

void readCgroup(const CgroupRecipe& recipe, CgroupUse* use) {
  for (int64_t& number : use->numbers) number = -1;
  Strings strings(recipe);
  while (const char* line = strings.next()) {
    if (*line == '<') take(strings, line, use);
  }
}

int64_t cpuUsOf(const CgroupUse& use) {
  const int64_t us = use.numbers[kCpuUs];
  const int64_t ns = use.numbers[kCpuNs];
  return us >= 0 || ns < 0 ? us : ns / 1000;
}

int64_t readCpuUs(const CgroupRecipe& recipe) {
  CgroupUse use;
  use.numbers[kCpuUs] = -1;
  use.numbers[kCpuNs] = -1;
  Strings strings(recipe);
  while (const char* line = strings.next()) {
    if (*line == '<' && (line[1] == '0' + kCpuUs || line[1] == '0' + kCpuNs)) take(strings, line, &use);
  }
  return cpuUsOf(use);
}

long removeCgroup(const CgroupRecipe& recipe) {
  long result = 0;
  Strings strings(recipe);
  while (const char* line = strings.next()) {
    if (*line != '1' && *line != '2') continue;
    const Path path(strings);
    const long removed = sys(__NR_unlinkat, path.from, address(path.text), AT_REMOVEDIR);
    if (removed == -EBUSY) return removed;
    if (removed < 0 && removed != -ENOENT) result = removed;
  }
  return result;
}

}  // namespace uchroot
