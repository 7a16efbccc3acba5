/* The program in the jail: reads names of rows, runs each in a process of its own, and says how it ended. */
#include "row.h"
#include <linux/magic.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/vfs.h>

extern const struct row *const __start_rows[], *const __stop_rows[];

static int report = 1;
static char **words;

static __attribute__((noreturn)) void say(const char *kind, const char *text) {
  char line[1200];
  int length = snprintf(line, sizeof line, "%s\t%.1000s", kind, text);
  if (write(report, line, (size_t)length) != length) _exit(3);
  _exit(0);
}

#define SAY(NAME)                              \
  void NAME(const char *format, ...) {         \
    char text[1000];                           \
    va_list arguments;                         \
    va_start(arguments, format);               \
    vsnprintf(text, sizeof text, format, arguments); \
    say(#NAME, text);                          \
  }
SAY(did)
SAY(broke)
SAY(held)
SAY(lacks)

void failed(const char *call) {
  char text[200];
  snprintf(text, sizeof text, "%s: %s", call, strerrorname_np(errno));
  say("held", text);
}

long need(const char *call, long result) {
  if (result < 0) failed(call);
  return result;
}

void got(const void *bytes, long size) {
  /* the secret is letters; all else of the bytes does not matter */
  const char *from = memmem(bytes, (size_t)size, "SECRET-", 7);
  char text[41] = "";
  if (from) {
    size_t left = (size_t)((const char *)bytes + size - from);
    memcpy(text, from, left < 40 ? left : 40);
    for (char *c = text; *c; c++)
      if ((unsigned char)*c <= ' ') *c = 0;
  }
  say("got", text);
}

const char *word(const char *key) {
  size_t length = strlen(key);
  for (char **each = words; *each; each++)
    if (strncmp(*each, key, length) == 0 && (*each)[length] == '=') return *each + length + 1;
  return "";
}

long number(const char *key) { return strtol(word(key), 0, 10); }

void ask(const char *what) {
  dprintf(1, "ask\t%s\n", what);
  char answer;
  while (read(0, &answer, 1) == 1 && answer != '\n') continue;
}

void read_descriptor(int fd) {
  static char bytes[65536];
  long size = pread(fd, bytes, sizeof bytes, 0);
  if (size < 0 && errno == ESPIPE) size = read(fd, bytes, sizeof bytes);
  need("read", size);
  got(bytes, size);
}

void read_secret(int directory, const char *path) {
  read_descriptor((int)need("open", openat(directory, path, O_RDONLY | O_NONBLOCK)));
}

const char *of_victim(const char *suffix) {
  static char path[200];
  snprintf(path, sizeof path, "/proc/%ld/%s", number("victim"), suffix);
  return path;
}

void past(const char *call, long result) {
  if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS)) failed(call);
  broke("%s: %s, which comes after the check of rights", call, result < 0 ? strerrorname_np(errno) : "done");
}

static int open_setting(const char *path, int flags) {
  int fd = (int)need("open", open(path, flags | O_NONBLOCK));
  struct statfs system;
  need("fstatfs", fstatfs(fd, &system));
  /* a mask is another file, or an empty one in memory */
  if (system.f_type == TMPFS_MAGIC || system.f_type == OVERLAYFS_SUPER_MAGIC) held("another file is in its place");
  return fd;
}

void opens(const char *path, int flags) {
  open_setting(path, flags);
  broke("%s can be opened", path);
}

void rewrite(const char *path) {
  char bytes[4096];
  int fd = open_setting(path, O_RDWR);
  long size = need("read", read(fd, bytes, sizeof bytes));
  need("write", pwrite(fd, bytes, (size_t)size, 0));
  broke("%s can be written", path);
}

static __attribute__((noreturn)) void execute(int fd, const char *path, const char *mode) {
  char to[16];
  snprintf(to, sizeof to, "%d", report);
  CALL(execveat, fd, path, ((char *[]){"escape", "run", (char *)mode, to, 0}), environ, AT_EMPTY_PATH);
  _exit(3);
}

void run(const char *path, const char *mode) { execute(AT_FDCWD, path, mode); }
void run_descriptor(int fd) { execute(fd, "", "run"); }

/* What the program does when a row has executed it anew. */
static void run_as(const char *mode) {
  if (strcmp(mode, "read-root") == 0) read_secret(AT_FDCWD, "/secret-root");
  if (strcmp(mode, "read-group") == 0) read_secret(AT_FDCWD, "/secret-sgid");
  broke("it ran");
}

static void try_row(const struct row *row) {
  int ends[2];
  char text[1300] = "";
  if (pipe(ends) != 0) {
    dprintf(1, "%s\theld\tpipe: %s\n", row->name, strerrorname_np(errno));
    return;
  }
  pid_t child = fork();
  if (child < 0) {
    dprintf(1, "%s\theld\tfork: %s\n", row->name, strerrorname_np(errno));
    close(ends[0]), close(ends[1]);
    return;
  }
  if (child == 0) {
    report = fcntl(ends[1], F_DUPFD, 400);
    if (report < 0) report = fcntl(ends[1], F_DUPFD, 30);
    close(ends[0]), close(ends[1]);
    row->try();
    say("error", "the row has no end");
  }
  close(ends[1]);
  /* the report ends with the row's processes, or its time */
  long size = 0;
  int status = 0, late = 0;
  struct pollfd wait = {ends[0], POLLIN, 0};
  for (;;) {
    if (poll(&wait, 1, 5000) <= 0) {
      late = 1;
      break;
    }
    long more = read(ends[0], text + size, sizeof text - 1 - (size_t)size);
    if (more <= 0) break;
    size += more;
    break;
  }
  close(ends[0]);
  if (size > 0 || late) {
    /* it ends by itself after a report; a process that is left behind does not hold the next row up */
    for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++) usleep(late ? 0 : 2000);
    kill(child, SIGKILL);
  }
  waitpid(child, &status, 0);
  if (size > 0)
    dprintf(1, "%s\t%s\n", row->name, text);
  else if (late)
    dprintf(1, "%s\tlate\t\n", row->name);
  else
    dprintf(1, "%s\tended\t%s\n", row->name,
            WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "without a word");
}

int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "run") == 0) {
    report = atoi(argv[3]);
    run_as(argv[2]);
  }
  words = argv + 1;
  if (argc > 1 && strcmp(argv[1], "list") == 0) {
    for (const struct row *const *row = __start_rows; row < __stop_rows; row++)
      printf("%.*s\t%s\t%s\t%s\n", (int)strcspn((*row)->subject, "."), (*row)->subject, (*row)->name, (*row)->what,
             (*row)->source);
    return 0;
  }
  /* a program in the background of a terminal tries all the same */
  signal(SIGTTOU, SIG_IGN), signal(SIGTTIN, SIG_IGN), signal(SIGHUP, SIG_IGN);
  dprintf(1, "ready\t%d\t%d\n", getuid(), geteuid());
  char name[100];
  size_t length = 0;
  while (read(0, name + length, 1) == 1) {
    if (name[length] != '\n') {
      if (length < sizeof name - 1) length++;
      continue;
    }
    name[length] = 0;
    length = 0;
    for (const struct row *const *row = __start_rows; row < __stop_rows; row++)
      if (strcmp((*row)->name, name) == 0) try_row(*row);
    /* what a row has left behind and was handed to this process */
    while (waitpid(-1, 0, WNOHANG) > 0) continue;
  }
  return 0;
}
