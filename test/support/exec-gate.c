// exec-gate FILE: holds each execve(2) of the file by a child of its own parent, until stdin ends. Prints "ready" when it does.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <unistd.h>

static pid_t parent_of(pid_t pid) {
  char path[64];
  pid_t parent = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *stat = fopen(path, "r");
  if (stat == NULL) return 0;
  if (fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) != 1) parent = 0;
  fclose(stat);
  return parent;
}

int main(int argc, char **argv) {
  // Children that are held have copies of our input's other end.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int gate = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
  if (argc != 2 || gate < 0 || fanotify_mark(gate, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, argv[1]) < 0) {
    perror("exec-gate");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  struct pollfd polled[] = {{.fd = 0, .events = POLLIN}, {.fd = gate, .events = POLLIN}};
  struct fanotify_event_metadata event;
  // The end of the group allows all that wait (fanotify(7)).
  while (poll(polled, 2, -1) > 0 && polled[0].revents == 0) {
    if (read(gate, &event, sizeof event) != sizeof event) return 1;
    // It stays open: its number names the event.
    if (parent_of(event.pid) == getppid()) continue;
    const struct fanotify_response allowed = {event.fd, FAN_ALLOW};
    if (write(gate, &allowed, sizeof allowed) != sizeof allowed) return 1;
    close(event.fd);
  }
  return 0;
}
