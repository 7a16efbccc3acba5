// What hardly any jail holds: code that the program brings itself, and things of the kernel of which there is one supply for all.
// The result of each attempt is 0 or an errno, or a number.
//   exhaust code PATH     copies itself to PATH, and tries to run the copy as code in each way
//   exhaust handles       tries to reach files by handles
//   exhaust descriptors   opens descriptors until it fails, and processes until it fails
//   exhaust remake PATH   removes an empty directory and makes it again
//   exhaust user          takes what the kernel counts for each user until it fails, and keeps it until its input ends
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *separator = "{";

static void tell(const char *name, long long result) {
  printf("%s\"%s\":%lld", separator, name, result);
  separator = ",";
}

#define TRY(name, call) tell(name, (errno = 0, (long)(call)) == -1 ? errno : 0)

static char page[4096];

static int copy(int to) {
  const int from = open("/exhaust", O_RDONLY);
  ssize_t size;
  while ((size = read(from, page, sizeof page)) > 0)
    if (write(to, page, size) != size) return -1;
  return close(from);
}

// execveat(2) in a child; -1 and errno if it fails.
static int run(int fd) {
  const pid_t child = fork();
  if (child == 0) {
    char *argv[] = {"exhaust", "nothing", NULL};
    char *env[] = {NULL};
    execveat(fd, "", argv, env, AT_EMPTY_PATH);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

static int intoMemory(int fd) {
  void *own = mmap(NULL, sizeof page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED || pread(fd, own, sizeof page, 0) < 0) return -1;
  return mprotect(own, sizeof page, PROT_READ | PROT_EXEC);
}

static void code(const char *path) {
  const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (out < 0 || copy(out) != 0) {
    perror(path);
    exit(97);
  }
  close(out);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  TRY("execute", run(fd));
  TRY("map", mmap(NULL, sizeof page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
  void *mapped = mmap(NULL, sizeof page, PROT_READ, MAP_PRIVATE, fd, 0);
  TRY("make a mapping code", mprotect(mapped, sizeof page, PROT_READ | PROT_EXEC));
  TRY("read into its own memory", intoMemory(fd));
  const int memory = memfd_create("code", 0);
  TRY("file in memory", memory < 0 || copy(memory) != 0 ? -1 : run(memory));
}

static void handles(void) {
  struct {
    struct file_handle handle;
    char bytes[128];
  } found = {.handle = {.handle_bytes = 128}};
  int mount;
  TRY("take", name_to_handle_at(AT_FDCWD, "/", &found.handle, &mount, 0));
  TRY("open", open_by_handle_at(AT_FDCWD, &found.handle, O_RDONLY));
}

static void descriptors(void) {
  long count = 0;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  TRY("raise the soft limit", setrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_max++;
  limit.rlim_cur++;
  TRY("raise the hard limit", setrlimit(RLIMIT_NOFILE, &limit));
  while (dup(0) >= 0) count++;
  tell("failure", errno);
  tell("descriptors", count);
  getrlimit(RLIMIT_NPROC, &limit);
  tell("processes", limit.rlim_max == RLIM_INFINITY ? -1 : (long long)limit.rlim_max);
}

static void user(void) {
  long count = 0;
  while (inotify_init1(IN_CLOEXEC) >= 0) count++;
  tell("instances", count);
  tell("failure", errno);
  puts("}");
  fflush(stdout);
  while (read(0, page, sizeof page) > 0) continue;
  exit(0);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "nothing") == 0) return 0;
  if (strcmp(what, "code") == 0 && argc == 3) code(argv[2]);
  else if (strcmp(what, "handles") == 0) handles();
  else if (strcmp(what, "remake") == 0 && argc == 3) {
    TRY("remove", rmdir(argv[2]));
    TRY("make again", mkdir(argv[2], 0755));
  }
  else if (strcmp(what, "descriptors") == 0) descriptors();
  else if (strcmp(what, "user") == 0) user();
  else return 98;
  puts("}");
  return 0;
}
