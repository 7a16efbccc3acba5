/* The terminal of the caller, which is the program's descriptor 2. */
#include "row.h"
#include <termios.h>

#define TERMINAL() need("it is no terminal", isatty(2) ? 0 : (errno = ENOTTY, -1))

ROW("type", "types a command into the caller's terminal", "TIOCSTI(2const); CVE-2016-2781, CVE-2017-5226") {
  need("TIOCSTI", ioctl(2, TIOCSTI, "x"));
  did("TIOCSTI succeeded");
}
ROW("type-past-filter", "types with a number whose upper half a filter may compare", "CVE-2019-10063, CVE-2019-7303") {
  CALL(ioctl, 2, 0x100000000UL | TIOCSTI, "x");
  did("TIOCSTI succeeded");
}
ROW("type-by-name", "types into the terminal that it opens by its name", "tty(4)") {
  int fd = (int)need("open", open("/dev/tty", O_RDWR));
  need("TIOCSTI", ioctl(fd, TIOCSTI, "x"));
  did("TIOCSTI succeeded");
}
ROW("read-typed", "reads what somebody types for the caller", "termios(3)") {
  TERMINAL();
  char text[100];
  int flags = fcntl(2, F_GETFL);
  fcntl(2, F_SETFL, flags | O_NONBLOCK);
  long size = read(2, text, sizeof text);
  int error = errno;
  fcntl(2, F_SETFL, flags);
  errno = error;
  got(text, need("read", size));
}
ROW("terminal-mode", "makes the terminal silent for the caller", "tcsetattr(3)") {
  struct termios mode;
  need("tcgetattr", tcgetattr(2, &mode));
  mode.c_lflag ^= ISIG;
  mode.c_oflag ^= OPOST;
  need("tcsetattr", tcsetattr(2, TCSANOW, &mode));
  did("tcsetattr succeeded");
}
ROW("terminal-size", "changes the size of the terminal, and signals the caller so", "TIOCSWINSZ(2const)") {
  struct winsize size = {7, 7, 0, 0};
  need("TIOCSWINSZ", ioctl(2, TIOCSWINSZ, &size));
  did("TIOCSWINSZ succeeded");
}
ROW("foreground", "takes the foreground of the terminal", "tcsetpgrp(3)") {
  need("setpgid", setpgid(0, 0));
  need("tcsetpgrp", tcsetpgrp(2, getpid()));
  ask("look");
  did("tcsetpgrp succeeded");
}
ROW("flush", "throws away what was typed", "tcflush(3)") {
  need("tcflush", tcflush(2, TCIFLUSH));
  did("tcflush succeeded");
}
ROW("exclusive", "locks others out of the terminal", "TIOCEXCL(2const)") {
  need("TIOCEXCL", ioctl(2, TIOCEXCL));
  did("TIOCEXCL succeeded");
}
ROW("terminal-lock", "locks the mode of the terminal", "TIOCSLCKTRMIOS(2const)") {
  struct termios lock = {.c_lflag = ECHO};
  need("TIOCSLCKTRMIOS", ioctl(2, TIOCSLCKTRMIOS, &lock));
  did("TIOCSLCKTRMIOS succeeded");
}
ROW("line-discipline", "changes the line discipline, which loads modules", "TIOCSETD(2const); CVE-2017-2636") {
  for (int each = 1; each < 30; each++)
    if (each != 2 && ioctl(2, TIOCSETD, &each) == 0) did("TIOCSETD of %d succeeded", each);
  failed("TIOCSETD");
}
ROW("other-terminals", "opens a terminal of the host by its name", "pts(4)") {
  /* the terminal of the caller is the first of the machine; a jail may have its own of that number */
  int fd = (int)need("open", open("/dev/pts/0", O_RDWR | O_NOCTTY));
  struct winsize size = {9, 9, 0, 0};
  need("TIOCSWINSZ", ioctl(fd, TIOCSWINSZ, &size));
  did("TIOCSWINSZ succeeded");
}

ROW("signal-by-typing", "has the kernel signal the caller's job when somebody types", "fcntl(2), O_ASYNC") {
  need("F_SETSIG", fcntl(2, F_SETSIG, SIGURG));
  int flags = fcntl(2, F_GETFL);
  /* without F_SETOWN the terminal's own process group is signalled (tty_fasync in the kernel's drivers/tty/tty_io.c) */
  need("O_ASYNC", fcntl(2, F_SETFL, flags | O_ASYNC));
  ask("type");
  fcntl(2, F_SETFL, flags);
  did("O_ASYNC was set");
}
