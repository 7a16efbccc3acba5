// Does the same as lib/launch/start/pidfile.ts: a reader never sees half a pid, and a symbolic link of that name is replaced, not
// followed.

#include "pidfile.h"

#include <linux/fcntl.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "directory.h"
#include "report.h"
#include "../plan/syscall.h"

namespace uchroot {
namespace {

// No fsync: after a crash of the machine the process does not exist. Returns 0 or a negative errno.
long fill(const Removal& file, long pid, const char* temporary) {
  Line line;
  line.number(static_cast<uint64_t>(pid)).put('\n');
  const long bytes = static_cast<long>(lengthOf(line.text()));
  const long wrote = sys(__NR_write, file.file, address(line.text()), bytes);
  if (wrote != bytes) return wrote < 0 ? wrote : -ENOSPC;  // a short write: the disk is full (write(2))
  return sys(__NR_renameat2, file.directory, address(temporary), file.directory, address(file.name), 0);
}

long create(long directory, const char* name) {
  // O_EXCL refuses a prepared link.
  return sys(__NR_openat, directory, address(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

[[noreturn]] void fail(const Payload* payload, long result) {
  const int error = static_cast<int>(-result);
  Line name, message;
  message.put("pid file: ").put(stringAt(payload, payload->pidFileShown)).put(": ");
  putError(payload, error, message);
  const bool isRefused = error == EACCES || error == EROFS;
  const char* hint = isRefused ? "its directory must be writable by root" : nullptr;
  quit(tell(payload, {"pid_file", 0, errorName(payload, error, name), error}, message, hint));
}

}  // namespace

Removal writePidFile(const Payload* payload, long pid, int listenFds) {
  const char* name = stringAt(payload, payload->pidFile);
  const int directory = moveAside(payload, openPidDirectory(payload), listenFds);
  Line temporary;
  temporary.put(".uchroot.").number(static_cast<uint64_t>(pid));
  long opened = create(directory, temporary.text());
  // The file belongs to an earlier process of this pid, which was killed.
  if (opened == -EEXIST && sys(__NR_unlinkat, directory, address(temporary.text()), 0) == 0)
    opened = create(directory, temporary.text());
  if (opened < 0) fail(payload, opened);
  const Removal file = {.directory = directory, .file = moveAside(payload, opened, listenFds), .name = name};
  const long filled = fill(file, pid, temporary.text());
  if (filled < 0) {
    (void)sys(__NR_unlinkat, directory, address(temporary.text()), 0);  // the first error is reported
    fail(payload, filled);
  }
  return file;
}

}  // namespace uchroot
