// The C original, of which uchroot is a port: usage, getpwnam before chroot, chdir and chroot, setgid and setuid, execv.
// The program keeps root's groups, descriptors and environment.
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) {
    printf("Usage: %s {username} {directory} {program} [arguments]\n", argv[0]);
    return 1;
  }
  const struct passwd *user = getpwnam(argv[1]);
  if (user == NULL) {
    printf("Unknown user %s\n", argv[1]);
    return 2;
  }
  if (chdir(argv[2]) != 0 || chroot(argv[2]) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
    printf("%s must be run as root.  Current uid=%d, euid=%d\n", argv[0], getuid(), geteuid());
    return 3;
  }
  execv(argv[3], argv + 3);
  return 255;
}
