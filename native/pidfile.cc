// As lib/launch/pidfile.ts: nobody ever reads half a pid, and a symbolic link in its place is replaced, not followed.

#include "pidfile.h"

#include <linux/fcntl.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "directory.h"
#include "report.h"
#include "syscall.h"

namespace uchroot {
namespace {

// Returns a negative errno, or 0.
long fill(long fd, long pid, const char* temporary, const char* path) {
  Line line;
  line.number(static_cast<uint64_t>(pid)).put('\n');
  if (!writeAll(fd, line.text(), lengthOf(line.text()))) return -EIO;
  const long synced = sys(__NR_fsync, fd);
  if (synced < 0) return synced;
  return sys(__NR_renameat2, AT_FDCWD, address(temporary), AT_FDCWD, address(path), 0);
}

[[noreturn]] void fail(const Payload* payload, long result) {
  const int error = static_cast<int>(-result);
  Line name, message;
  const char* code = errorName(payload, error, name);
  message.put("pid file: ").put(stringAt(payload, payload->pidFileShown)).put(": ").put(code);
  quit(tell(payload, {"pid_file", 0, code, error}, message, "its directory must exist and be writable by root"));
}

}  // namespace

int writePidFile(const Payload* payload, long pid, int listenFds) {
  const char* path = stringAt(payload, payload->pidFile);
  Line temporary;
  temporary.put(path).put('.').number(static_cast<uint64_t>(pid)).put(".new");
  const long opened = sys(__NR_openat, AT_FDCWD, address(temporary.text()),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (opened < 0) fail(payload, opened);
  const int fd = moveAside(payload, opened, listenFds);
  const long filled = fill(fd, pid, temporary.text(), path);
  if (filled < 0) {
    (void)sys(__NR_unlinkat, AT_FDCWD, address(temporary.text()), 0);  // the first error is the one to tell
    fail(payload, filled);
  }
  return fd;
}

void takeBackPidFile(int fd) {
  // what cannot be emptied names a process that is gone, which every reader of pid files has to expect
  (void)sys(__NR_ftruncate, fd, 0);
}

}  // namespace uchroot
