/* The host's side in the machine: a victim with the ids of the jailed program, a terminal, IPC, keys, and what a careless caller leaves
   open. Starts the tool, and says on request how the host looks: one line, which must not change.
     host UID SECRET DISK WORD... */
#include "row.h"
#include <grp.h>
#include <linux/loop.h>
#include <linux/sockios.h>
#include <mqueue.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/utsname.h>
#include <termios.h>

/* what a victim shares with this process: how many signals it got, and bytes that nobody else may change */
struct shared {
  volatile int signals;
  char canary[64], secret[64];
};
#define PLACE ((struct shared *)0x700000000000)

static struct shared *mine[2];
static pid_t victims[2];
static int leader, own, disk, locked, datagrams;
static uid_t uid;
static const char *secret;

static void die(const char *what) {
  perror(what);
  exit(125);
}
static long sure(const char *what, long result) {
  if (result < 0) die(what);
  return result;
}

static void count(int number) {
  (void)number;
  __atomic_add_fetch(&PLACE->signals, 1, __ATOMIC_SEQ_CST);
}

/* Executed anew, so that it is dumpable as any program of the user is. Gives its directory to those who connect: the worst case of a
   helper outside. */
static int victim(char **argv) {
  int memory = atoi(argv[0]);
  if (mmap(PLACE, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED) return 1;
  close(memory);
  for (int each = 1; each < 65; each++)
    if (each != SIGKILL && each != SIGSTOP && each != SIGCHLD && each != SIGCONT) signal(each, count);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", argv[1]);
  bind(server, (void *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1])));
  listen(server, 9);
  int directory = open(HOST, O_PATH);
  PLACE->canary[0] = 'c';
  for (;;) {
    int client = accept(server, 0, 0);
    if (client < 0) continue;
    union {
      struct cmsghdr head;
      char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.head), &directory, sizeof directory);
    struct iovec one = {PLACE->secret, strlen(PLACE->secret)};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    sendmsg(client, &message, MSG_NOSIGNAL);
    close(client);
  }
}

/* isAlone: in a session of its own; else in the process group of the launch */
static void start_victim(int index, int isAlone) {
  int memory = (int)sure("memfd_create", memfd_create("victim", 0));
  if (ftruncate(memory, 4096) != 0) die("ftruncate");
  mine[index] = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  snprintf(mine[index]->secret, sizeof mine[index]->secret, "%s", secret);
  pid_t child = (pid_t)sure("fork", fork());
  if (child == 0) {
    if (isAlone) setsid();
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0), dup2(nothing, 1);
    char number[16], name[40], variable[100], argument[100];
    snprintf(number, sizeof number, "%d", memory);
    snprintf(name, sizeof name, "escape-helper-%d", index);
    snprintf(variable, sizeof variable, "PASSWORD=%s", secret);
    snprintf(argument, sizeof argument, "--password=%s", secret);
    int file = (int)sure("open", open(HOST "/secret-root", O_RDONLY));
    sure("dup2", dup2(file, 20));
    sure("chdir", chdir(HOST));
    if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) die("setresuid");
    /* the user's own keyring: one for all processes of the uid */
    long key = sure("add_key", syscall(SYS_add_key, "user", "escape-user", secret, strlen(secret), -4));
    sure("keyctl", syscall(SYS_keyctl, 5 /* KEYCTL_SETPERM */, key, 0x3f3f0000));
    syscall(SYS_keyctl, 15 /* KEYCTL_SET_TIMEOUT */, key, 600);
    execve("/proc/self/exe", (char *[]){"host", "victim", number, name, argument, 0}, (char *[]){variable, 0});
    die("execve");
  }
  close(memory);
  victims[index] = child;
  while (mine[index]->canary[0] != 'c') usleep(500);
}

static void make_terminal(void) {
  leader = (int)sure("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  grantpt(leader), unlockpt(leader);
  own = (int)sure("open of the terminal", open(ptsname(leader), O_RDWR | O_NOCTTY | O_CLOEXEC));
  sure("fchown", fchown(own, uid, 5));
}

static void write_file(pid_t pid, const char *name, const char *text) {
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd >= 0 && write(fd, text, strlen(text)) < 0) die(path);
  close(fd);
}

/* What somebody has typed ahead, to the program that asked for it. The kernel passes it on in its own time: nothing is on its way when
   this returns. */
static void type(int isAgain) {
  int input = 0, wanted = (int)strlen(secret) + 1;
  ioctl(own, FIONREAD, &input);
  if (input == wanted && !isAgain) return;
  tcflush(own, TCIOFLUSH);
  if (dprintf(leader, "%s\n", secret) != wanted) die("write to the terminal");
  for (int i = 0; i < 20000 && ioctl(own, FIONREAD, &input) == 0 && input < wanted; i++) usleep(500);
}

/* Undoes what a row has changed, for the next one. */
static void reset(void) {
  static struct termios mode;
  static struct winsize size = {24, 80, 0, 0};
  if (mode.c_cflag == 0) {
    tcgetattr(own, &mode);
    mode.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
  }
  struct termios unlocked = {0};
  int discipline = 0;
  ioctl(own, TIOCNXCL), ioctl(own, TIOCSLCKTRMIOS, &unlocked), ioctl(own, TIOCSETD, &discipline);
  tcsetattr(own, TCSANOW, &mode), ioctl(own, TIOCSWINSZ, &size), tcsetpgrp(own, getpid());
  for (int i = 0; i < 2; i++) {
    kill(victims[i], SIGCONT);
    cpu_set_t cpus;
    memset(&cpus, 0xff, sizeof cpus);
    struct rlimit files = {1024, 4096};
    sched_setaffinity(victims[i], sizeof cpus, &cpus);
    sched_setscheduler(victims[i], SCHED_OTHER, &(struct sched_param){0});
    setpriority(PRIO_PROCESS, (id_t)victims[i], 0);
    syscall(SYS_ioprio_set, 1, victims[i], 0);
    prlimit(victims[i], RLIMIT_NOFILE, &files, 0);
    write_file(victims[i], "oom_score_adj", "0"), write_file(victims[i], "autogroup", "0");
    strcpy(mine[i]->canary, "canary");
    mine[i]->signals = 0;
  }
  setpriority(PRIO_PROCESS, 0, 0);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq up = {.ifr_name = "escape0", .ifr_flags = IFF_UP};
  ioctl(fd, SIOCSIFFLAGS, &up), ioctl(fd, SIOCBRDELBR, "escape1");
  close(fd);
  chmod("/dev/null", 0666), chown("/dev/null", 0, 0);
  sethostname("escape-host", 11), setdomainname("escape-domain", 13);
  type(0);
}

static void make_ipc(void) {
  int memory = (int)sure("shmget", shmget(0x65736301, 4096, IPC_CREAT | 0600));
  char *bytes = shmat(memory, 0, 0);
  strcpy(bytes, secret);
  shmdt(bytes);
  struct shmid_ds segment;
  shmctl(memory, IPC_STAT, &segment);
  segment.shm_perm.uid = uid;
  sure("shmctl", shmctl(memory, IPC_SET, &segment));
  int queue = (int)sure("msgget", msgget(0x65736302, IPC_CREAT | 0600));
  struct {
    long kind;
    char text[64];
  } message = {1, ""};
  strcpy(message.text, secret);
  for (int i = 0; i < 3; i++) sure("msgsnd", msgsnd(queue, &message, sizeof message.text, 0));
  struct msqid_ds of_queue;
  msgctl(queue, IPC_STAT, &of_queue);
  of_queue.msg_perm.uid = uid;
  sure("msgctl", msgctl(queue, IPC_SET, &of_queue));
  int semaphore = (int)sure("semget", semget(0x65736303, 1, IPC_CREAT | 0600));
  struct semid_ds of_semaphore;
  semctl(semaphore, 0, IPC_STAT, &of_semaphore);
  of_semaphore.sem_perm.uid = uid;
  sure("semctl", semctl(semaphore, 0, IPC_SET, &of_semaphore));
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
  mqd_t posix = (mqd_t)sure("mq_open", mq_open("/escape", O_RDWR | O_CREAT, 0600, &attributes));
  sure("fchown", fchown(posix, uid, uid));
  sure("mq_send", mq_send(posix, secret, strlen(secret), 0));
  close(posix);
}

static void read_file(pid_t pid, const char *name, char *text, size_t size) {
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  long length = fd < 0 ? 0 : read(fd, text, size - 1);
  text[length < 0 ? 0 : length] = 0;
  close(fd);
}

static const char *after(const char *text, const char *key) {
  const char *found = strstr(text, key);
  return found ? found + strlen(key) : "?";
}

/* How a process looks from outside, when it has had the signals that were sent to it. */
static void look_at(const char *name, int index) {
  pid_t pid = victims[index];
  char status[4096], limits[4096], score[64], group[64];
  for (int i = 0; i < 2000; i++) {
    read_file(pid, "status", status, sizeof status);
    if (*after(status, "State:\t") != 'R' && strtoull(after(status, "SigPnd:\t"), 0, 16) == 0 &&
        strtoull(after(status, "ShdPnd:\t"), 0, 16) == 0)
      break;
    usleep(500);
  }
  read_file(pid, "limits", limits, sizeof limits);
  read_file(pid, "oom_score_adj", score, sizeof score);
  read_file(pid, "autogroup", group, sizeof group);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(pid, sizeof cpus, &cpus);
  printf("%s.state=%c\t%s.signals=%d\t%s.memory=%.20s\t%s.nice=%d\t%s.policy=%d\t%s.processors=%d\t%s.files=%ld\t%s.ioprio=%ld\t"
         "%s.score=%d\t%s.session=%d\t",
         name, *after(status, "State:\t"), name, mine[index]->signals, name, mine[index]->canary, name,
         getpriority(PRIO_PROCESS, (id_t)pid), name, sched_getscheduler(pid), name, CPU_COUNT(&cpus), name,
         atol(after(limits, "Max open files")), name, syscall(SYS_ioprio_get, 1, pid), name, atoi(score), name,
         atoi(after(group, "nice ")));
}

static int interface_flags(const char *name) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {0};
  strcpy(request.ifr_name, name);
  int result = ioctl(fd, SIOCGIFFLAGS, &request);
  close(fd);
  return result == 0 ? request.ifr_flags & (IFF_UP | IFF_PROMISC) : -1;
}

static void look(void) {
  look_at("victim", 0);
  look_at("mate", 1);
  struct utsname system;
  uname(&system);
  printf("hostname=%s\tdomain=%s\t", system.nodename, system.domainname);
  struct termios mode;
  struct winsize size;
  int input = 0, foreground = 0, locks = 0, discipline = 0;
  tcgetattr(own, &mode), ioctl(own, TIOCGWINSZ, &size), ioctl(own, FIONREAD, &input), ioctl(leader, TIOCGPGRP, &foreground);
  struct termios lock;
  if (ioctl(own, TIOCGLCKTRMIOS, &lock) == 0) locks = (int)lock.c_lflag;
  ioctl(own, TIOCGETD, &discipline);
  int exclusive = 0;
  ioctl(own, TIOCGEXCL, &exclusive);
  printf("terminal.input=%d\tterminal.mode=%x.%x.%x\tterminal.size=%dx%d\tterminal.foreground=%d\tterminal.locks=%x\tterminal.discipline=%d\tterminal.exclusive=%d\t",
         input, mode.c_iflag, mode.c_oflag, mode.c_lflag, size.ws_row, size.ws_col, foreground, locks, discipline, exclusive);
  struct shm_info segments;
  struct msginfo queues;
  struct seminfo semaphores;
  shmctl(0, SHM_INFO, (void *)&segments), msgctl(0, MSG_INFO, (void *)&queues), semctl(0, 0, SEM_INFO, &semaphores);
  printf("ipc.segments=%d\tipc.queues=%d\tipc.messages=%d\tipc.semaphores=%d\tipc.value=%d\t", segments.used_ids, queues.msgpool, queues.msgmap,
         semaphores.semusz, semctl(semget(0x65736303, 1, 0), 0, GETVAL));
  struct stat null;
  stat("/dev/null", &null);
  int free = flock(locked, LOCK_EX | LOCK_NB) == 0;
  if (free) flock(locked, LOCK_UN);
  printf("null.mode=%o\tnull.owner=%d\tnull.locked=%d\tlo=%x\tescape0=%x\t", null.st_mode, null.st_uid, !free, interface_flags("lo"),
         interface_flags("escape0"));
  int waiting = 0;
  ioctl(datagrams, FIONREAD, &waiting);
  printf("datagrams=%d\n", waiting);
  fflush(stdout);
}

/* The handle of a file, which open_by_handle_at(2) takes: guessed easily, as it is an inode number. */
static int print_handle(const char *path) {
  struct {
    struct file_handle head;
    unsigned char bytes[128];
  } handle = {.head = {.handle_bytes = 128}};
  int mount;
  sure("name_to_handle_at", name_to_handle_at(AT_FDCWD, path, &handle.head, &mount, 0));
  printf("%d.", handle.head.handle_type);
  for (unsigned i = 0; i < handle.head.handle_bytes; i++) printf("%02x", handle.head.f_handle[i]);
  puts("");
  return 0;
}

int main(int argc, char **argv) {
  (void)argc;
  if (strcmp(argv[1], "victim") == 0) return victim(argv + 2);
  if (strcmp(argv[1], "handle") == 0) return print_handle(argv[2]);
  uid = (uid_t)atoi(argv[1]);
  secret = argv[2];
  signal(SIGPIPE, SIG_IGN);
  /* so that it can take the foreground back from a row (tcsetpgrp(3)) */
  signal(SIGTTOU, SIG_IGN);
  setsid();
  make_terminal();
  make_ipc();
  datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0escape-datagram"};
  sure("bind", bind(datagrams, (void *)&name, 2 + 16));
  locked = open("/dev/null", O_RDWR | O_CLOEXEC);
  disk = open(argv[3], O_RDONLY | O_CLOEXEC);
  /* with this process the loop device is free again */
  struct loop_info64 status;
  sure("LOOP_GET_STATUS64", ioctl(disk, LOOP_GET_STATUS64, &status));
  status.lo_flags |= LO_FLAGS_AUTOCLEAR;
  sure("LOOP_SET_STATUS64", ioctl(disk, LOOP_SET_STATUS64, &status));
  /* this session is the caller's: it has the terminal, and a process beside the launch */
  sure("TIOCSCTTY", ioctl(own, TIOCSCTTY, 0));
  fcntl(3, F_SETFD, FD_CLOEXEC), fcntl(4, F_SETFD, FD_CLOEXEC);
  start_victim(0, 1);
  start_victim(1, 0);
  reset();
  pid_t tool = (pid_t)sure("fork", fork());
  if (tool == 0) {
    /* 3 and 4 come from the script that started this; 0 and 1 of the tool are its pipes */
    signal(SIGPIPE, SIG_DFL), signal(SIGTTOU, SIG_DFL);
    dup2(3, 0), dup2(4, 1), dup2(own, 2);
    int directory = open(HOST, O_RDONLY), file = open(HOST "/secret-root", O_RDONLY);
    dup2(directory, 7), dup2(file, 9), dup2(file, 300);
    close_range(10, 299, 0), close_range(301, ~0U, 0), close_range(3, 6, 0), close(8);
    sure("chdir", chdir(HOST));
    gid_t groups[] = {0, 4321};
    if (setgroups(2, groups) != 0) die("setgroups");
    /* the session keyring: what a login has unlocked */
    if (syscall(SYS_keyctl, 1, "escape") >= 0) syscall(SYS_add_key, "user", "escape-session", secret, strlen(secret), -3);
    setenv("SECRET", secret, 1);
    char *words[64], victim_word[32];
    int count = 0;
    while (argv[4 + count] && count < 60) words[count] = argv[4 + count], count++;
    snprintf(victim_word, sizeof victim_word, "victim=%d", victims[0]);
    words[count] = victim_word, words[count + 1] = 0;
    execvp(words[0], words);
    die(words[0]);
  }
  close(3), close(4);
  char request[8];
  look();
  while (read(0, request, sizeof request) > 0) {
    for (pid_t ended; (ended = waitpid(-1, 0, WNOHANG)) > 0;)
      if (ended == tool) tool = 0;
    if (request[0] == 'w') printf("tool=%s\t", tool == 0 ? "ended" : "runs");
    if (request[0] == 'r') reset();
    if (request[0] == 't') type(1);
    if (request[0] == 'e') {
      char said[4096];
      fcntl(leader, F_SETFL, O_NONBLOCK);
      long size = read(leader, said, sizeof said);
      if (size > 0 && write(2, said, (size_t)size) < 0) die("write");
    }
    look();
  }
  kill(-1, SIGKILL);
  return 0;
}
