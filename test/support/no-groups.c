// A library for LD_PRELOAD: the database does not answer for the groups of a user.
#include <errno.h>
#include <grp.h>

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count) {
  (void)user, (void)group, (void)groups, (void)count;
  errno = EIO;
  return -1;
}
