/* One row: an attempt of a jailed program, which runs in a process of its own and ends with one of the functions below. */
#ifndef ROW_H
#define ROW_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct row {
  const char *subject, *name, *what, *source;
  void (*try)(void);
};

#define JOIN(a, b) a##b
#define NAMED(a, b) JOIN(a, b)
#define FUNCTION NAMED(try_, __LINE__)
/* ROW(name, "tries to ...", source) { attempt } */
#define ROW(NAME, WHAT, SOURCE)                                                                     \
  static void FUNCTION(void);                                                                       \
  static const struct row NAMED(row_, __LINE__) = {__FILE_NAME__, NAME, WHAT, SOURCE, FUNCTION};    \
  __attribute__((used, section("rows"))) static const struct row *const NAMED(entry_, __LINE__) =  \
      &NAMED(row_, __LINE__);                                                                       \
  static void FUNCTION(void)

#define SAYS __attribute__((noreturn, format(printf, 1, 2)))
/* What was read: a break if the secret of the host is in it. */
__attribute__((noreturn)) void got(const void *bytes, long size);
/* The attempt went through: a break if something of the host has changed. */
SAYS void did(const char *format, ...);
/* A break that the row itself has proved. */
SAYS void broke(const char *format, ...);
/* Stopped, though no call failed. */
SAYS void held(const char *format, ...);
/* The kernel cannot do this for anybody. */
SAYS void lacks(const char *format, ...);
/* Stopped by the error of a call. */
__attribute__((noreturn)) void failed(const char *call);
/* The result of a call, unless it is an error: then `failed`. */
long need(const char *call, long result);

/* A parameter of the run: its text, or its number. */
const char *word(const char *key);
long number(const char *key);
/* Whether the host has done this; it does it now. */
void ask(const char *what);

/* got() of a file. */
__attribute__((noreturn)) void read_secret(int directory, const char *path);
__attribute__((noreturn)) void read_descriptor(int fd);
/* The kernel checks the right to make this call first: any other error comes after that. */
__attribute__((noreturn)) void past(const char *call, long result);
/* A break if it opens with these flags, and is a file of the kernel, not one in its place. */
__attribute__((noreturn)) void opens(const char *path, int flags);
/* The path of a file of the victim in /proc. */
const char *of_victim(const char *suffix);
/* A break if a setting of the kernel takes the value that it has already. */
__attribute__((noreturn)) void rewrite(const char *path);
/* Runs this program as with other rights. */
__attribute__((noreturn)) void run(const char *path, const char *mode);
/* Executes an open file, which is this program: a break. */
__attribute__((noreturn)) void run_descriptor(int fd);

#define CALL(name, ...) need(#name, syscall(SYS_##name, __VA_ARGS__))
#define HOST "/srv/escape/host"

#endif
