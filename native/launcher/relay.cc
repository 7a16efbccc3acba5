// See relay.h. The caller's terminal becomes raw, so that the program's terminal decides what each key means: Ctrl-C reaches the
// program in its foreground, and not this process.

#include "relay.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/mman.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/termios.h>

#include "../plan/steps.h"

namespace uchroot {
namespace {

constexpr long kInput = 0, kOutput = 1;
// Descriptors from here on are this process's own.
constexpr long kMaster = 3, kGuard = 4, kKept = 5, kLock = 6, kResult = 7, kFirstFree = 8;
constexpr uint8_t kDone = 1;

// More than a pseudo-terminal holds. A process that the program has left behind may write without end.
constexpr long kMostAtEnd = 1 << 20;
// How soon the end of the input is typed again; later if the program does not answer.
constexpr int64_t kSoonestNs = 50'000'000, kLatestNs = 800'000'000;

constexpr uint64_t bitOf(int signal) { return 1ull << (signal - 1); }
constexpr uint64_t kFatal = bitOf(SIGHUP) | bitOf(SIGINT) | bitOf(SIGQUIT) | bitOf(SIGTERM);

struct Polled {
  int fd;
  short events, found;
};

long pollAll(Polled* polled, long count, int64_t limitNs = -1) {
  int64_t limit[2] = {0, limitNs};
  return sys(__NR_ppoll, address(polled), count, limitNs < 0 ? 0 : address(limit), 0, 0);
}

void setMask(uint64_t mask) { (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&mask), 0, sizeof mask); }

void copy(struct termios* to, const struct termios* from) {
  auto* target = reinterpret_cast<volatile uint8_t*>(to);
  const auto* source = reinterpret_cast<const uint8_t*>(from);
  for (uint32_t i = 0; i < sizeof *to; i++) target[i] = source[i];
}

bool isSame(const struct termios* one, const struct termios* other) {
  const auto* a = reinterpret_cast<const uint8_t*>(one);
  const auto* b = reinterpret_cast<const uint8_t*>(other);
  for (uint32_t i = 0; i < sizeof *one; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// cfmakeraw(3)
void makeRaw(struct termios* settings) {
  settings->c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  settings->c_oflag &= ~static_cast<tcflag_t>(OPOST);
  settings->c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  settings->c_cflag = (settings->c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
  settings->c_cc[VMIN] = 1;
  settings->c_cc[VTIME] = 0;
}

bool isRawNow(const Settings* settings) {
  struct termios now;
  if (settings == nullptr || !settings->isRaw) return false;
  return sys(__NR_ioctl, kInput, TCGETS, address(&now)) >= 0 && isSame(&now, &settings->raw);
}

// Gives the terminal its settings back, unless somebody else has changed them: a shell sets its own as soon as its job has ended.
void restore(const Settings* settings) {
  if (!isRawNow(settings)) return;
  (void)sys(__NR_ioctl, kInput, TCSETS, address(&settings->before));  // fails only if the terminal is gone
}

// It leaves the session, so that no signal to the job or from the terminal reaches it.
[[noreturn]] void guard(const Settings* settings, long socket) {
  (void)sys(__NR_setsid);
  (void)sys(__NR_dup3, socket, kOutput, 0);
  (void)sys(__NR_close_range, kOutput + 1, ~0u, 0);
  (void)setCapabilities(0, 0);
  (void)prctl(PR_SET_NO_NEW_PRIVS, 1);
  uint8_t byte = 0;
  (void)sys(__NR_write, kOutput, address(&byte), 1);  // fails only if the relay is gone, and nothing has changed
  while (sys(__NR_read, kOutput, address(&byte), 1) == -EINTR) continue;
  if (byte != kDone) restore(settings);
  quit(0);
}

Relay* relayOf(Console* console) { return static_cast<Relay*>(console); }

// The program's terminal gets the size of the caller's.
void copySize(const Relay* relay) {
  for (long fd = 0; fd < 3; fd++) {
    winsize size = {0, 0, 0, 0};
    if (sys(__NR_ioctl, fd, TIOCGWINSZ, address(&size)) < 0 || size.ws_col == 0 || size.ws_row == 0) continue;
    (void)sys(__NR_ioctl, relay->masterFd, TIOCSWINSZ, address(&size));  // fails only after a hang-up
    return;
  }
}

// Makes the caller's terminal raw, if this process is in its foreground. Otherwise it stops with SIGTTOU until it is, as any job
// does that sets a terminal; or it fails, if there is no shell that could continue it (tcdrain(3), which is checked in this way and
// changes nothing).
void take(Relay* relay) {
  Settings* settings = relay->settings;
  if (settings == nullptr) return;
  long waited;
  setMask(~bitOf(SIGTTOU));
  do {
    waited = sys(__NR_ioctl, kInput, TCSBRK, 1);
  } while (waited == -EINTR);
  setMask(~0ull);
  relay->isHeld = waited >= 0 && sys(__NR_ioctl, kInput, TCGETS, address(&settings->before)) >= 0;
  if (!relay->isHeld) return;
  copy(&settings->raw, &settings->before);
  makeRaw(&settings->raw);
  settings->isRaw = true;
  (void)sys(__NR_ioctl, kInput, TCSETS, address(&settings->raw));  // fails only if the terminal is gone: read next
  (void)sys(__NR_ioctl, kInput, TCGETS, address(&settings->raw));  // as the kernel has set them
  copySize(relay);
}

void giveBack(Relay* relay) {
  if (relay->settings == nullptr) return;
  restore(relay->settings);
  relay->settings->isRaw = false;
  relay->isHeld = false;
}

// As when a terminal is closed: the program's session gets SIGHUP. This process goes on waiting for the program.
void hangUp(Relay* relay) {
  giveBack(relay);
  if (relay->masterFd < 0) return;
  (void)sys(__NR_close, relay->masterFd);
  (void)sys(__NR_close, relay->peerFd);
  relay->masterFd = relay->peerFd = -1;
  relay->isInputOpen = false;
  relay->endingNs = 0;
  relay->shown.fill(0);
  relay->typed.fill(0);
}

// A socket that is not read must not hold this process up. Terminals and pipes were opened again, and do not block.
long writeOutput(const uint8_t* bytes, long count) {
  constexpr long kAtOnce = 0x40, kWithoutSignal = 0x4000;  // send(2): MSG_DONTWAIT, MSG_NOSIGNAL
  const long sent = sys(__NR_sendto, kOutput, address(bytes), count, kAtOnce | kWithoutSignal, 0, 0);
  return sent == -ENOTSOCK ? sys(__NR_write, kOutput, address(bytes), count) : sent;
}

// False if nobody reads the output any more.
bool show(Relay* relay) {
  Passage& shown = relay->shown;
  const long wrote = writeOutput(shown.bytes + shown.start, shown.end - shown.start);
  if (wrote > 0) shown.start += static_cast<uint32_t>(wrote);
  return wrote > 0 || wrote == -EAGAIN || wrote == -EINTR;
}

// The kernel gives at most 4 KiB at a time, and -EIO once the terminal has been hung up.
long readMaster(Relay* relay) {
  const long got = sys(__NR_read, relay->masterFd, address(relay->shown.bytes), Passage::kRoom);
  if (got > 0) relay->shown.fill(got);
  if (got > 0 && relay->endingNs > 0) relay->endingNs = kSoonestNs;
  return got;
}

void readInput(Relay* relay) {
  const long got = sys(__NR_read, kInput, address(relay->typed.bytes), Passage::kRoom);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got > 0) return relay->typed.fill(got);
  // A terminal ends when it is closed. The end of anything else is passed on.
  if (relay->settings != nullptr) return hangUp(relay);
  relay->isInputOpen = false;
  relay->endingNs = kSoonestNs;
}

void type(Relay* relay) {
  Passage& typed = relay->typed;
  const long wrote = sys(__NR_write, relay->masterFd, address(typed.bytes + typed.start), typed.end - typed.start);
  if (wrote > 0) typed.start += static_cast<uint32_t>(wrote);
}

void typeEnd(Relay* relay) {
  if (relay->masterFd >= 0) (void)relay->inputEnd.type(relay->masterFd, relay->peerFd);  // fails only after a hang-up
  if (relay->endingNs < kLatestNs) relay->endingNs *= 2;
}

void await(Console* console) {
  Relay* relay = relayOf(console);
  for (;;) {
    const bool isOpen = relay->masterFd >= 0;
    const bool isTerminal = relay->settings != nullptr;
    const bool isReading = relay->isInputOpen && relay->typed.isEmpty() && (!isTerminal || relay->isHeld);
    // poll(2) tells of a hang-up in any case.
    const bool isWatched = isReading || (isTerminal && relay->isInputOpen);
    const bool isEnding = relay->endingNs > 0 && relay->typed.isEmpty();
    const short events = static_cast<short>((relay->shown.isEmpty() ? POLLIN : 0) | (relay->typed.isEmpty() ? 0 : POLLOUT));
    Polled polled[] = {
        {static_cast<int>(relay->signalFd), POLLIN, 0},
        {isOpen ? static_cast<int>(relay->masterFd) : -1, events, 0},
        {isWatched ? static_cast<int>(kInput) : -1, static_cast<short>(isReading ? POLLIN : 0), 0},
        {relay->shown.isEmpty() ? -1 : static_cast<int>(kOutput), POLLOUT, 0},
    };
    const long found = pollAll(polled, 4, isEnding ? relay->endingNs : -1);
    if (found < 0 || polled[0].found != 0) return;
    if (found == 0 && isEnding) typeEnd(relay);
    if (polled[3].found != 0 && !show(relay)) hangUp(relay);
    if (isTerminal && (polled[2].found & ~POLLIN) != 0) hangUp(relay);
    if (isReading && relay->isInputOpen && polled[2].found != 0) readInput(relay);
    if (relay->masterFd >= 0 && (polled[1].found & POLLOUT) != 0) type(relay);
    if (relay->masterFd >= 0 && (polled[1].found & ~POLLOUT) != 0 && relay->shown.isEmpty()) {
      if (const long got = readMaster(relay); got != -EAGAIN && got != -EINTR && got <= 0) hangUp(relay);
    }
  }
}

void stop(Console* console) {
  Relay* relay = relayOf(console);
  giveBack(relay);
  (void)sys(__NR_kill, sys(__NR_getpid), SIGSTOP);
  take(relay);
}

bool keeps(Console* console, long signal) {
  Relay* relay = relayOf(console);
  switch (signal) {
    case SIGWINCH:
      copySize(relay);
      return true;
    // The program's terminal has job control of its own. Whoever sends one of these wants his own terminal back.
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      stop(console);
      return true;
    case SIGCONT:
      // Of a job that somebody has stopped with SIGSTOP. Its shell has changed the settings meanwhile.
      if (!isRawNow(relay->settings)) take(relay);
      return false;
    default:
      return false;
  }
}

bool asksForEnd(const Relay* relay, long signal) {
  return signal > 0 && ((kFatal & bitOf(static_cast<int>(signal))) != 0 || (relay->clock != nullptr && relay->clock->has(kEnough)));
}

// Writes what is left. False if nobody reads it, a signal asks this process to end, or the time is over.
bool showRest(Relay* relay) {
  while (!relay->shown.isEmpty()) {
    Polled polled[] = {{static_cast<int>(relay->signalFd), POLLIN, 0}, {static_cast<int>(kOutput), POLLOUT, 0}};
    (void)pollAll(polled, 2);
    const uint64_t all = ~0ull;
    const int64_t atOnce[2] = {0, 0};
    const long signal = polled[0].found == 0 ? 0 : sys(__NR_rt_sigtimedwait, address(&all), 0, address(atOnce), sizeof all);
    if (asksForEnd(relay, signal)) return false;
    if (polled[1].found != 0 && !show(relay)) return false;
  }
  return true;
}

void end(Console* console) {
  Relay* relay = relayOf(console);
  long total = 0;
  bool isRead = relay->masterFd >= 0 && showRest(relay);
  while (isRead && total < kMostAtEnd) {
    const long got = readMaster(relay);
    if (got <= 0) break;
    total += got;
    isRead = showRest(relay);
  }
  giveBack(relay);
  if (relay->guardPid <= 0) return;
  (void)sys(__NR_write, relay->guardFd, address(&kDone), 1);  // fails only if somebody has killed it
  (void)sys(__NR_wait4, relay->guardPid, 0, __WALL, 0);
}

}  // namespace

long startGuard(Relay* relay) {
  struct termios now;
  if (sys(__NR_ioctl, kInput, TCGETS, address(&now)) < 0) return 0;
  constexpr long kShared = MAP_SHARED | MAP_ANONYMOUS;
  const long memory = sys(__NR_mmap, 0, sizeof(Settings), PROT_READ | PROT_WRITE, kShared, -1, 0);
  if (memory < 0 && memory > -4096) return memory;
  relay->settings = reinterpret_cast<Settings*>(memory);
  int ends[2];
  constexpr long kUnixFamily = 1, kStream = 1, kCloseOnExec = 02000000;  // socket(2): AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC
  if (const long made = sys(__NR_socketpair, kUnixFamily, kStream | kCloseOnExec, 0, address(ends)); made < 0) return made;
  const long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) guard(relay->settings, ends[0]);
  if (pid < 0) return pid;
  (void)sys(__NR_close, ends[0]);
  relay->guardPid = pid;
  relay->guardFd = ends[1];
  // Before the terminal changes, the guard must be out of reach of whoever kills the job.
  uint8_t ready;
  long got;
  do {
    got = sys(__NR_read, ends[1], address(&ready), 1);
  } while (got == -EINTR);
  return got == 1 ? 0 : -ESRCH;
}

namespace {

// Moves a descriptor to a number, or closes that one if there is none. All were moved out of the way before.
long place(long fd, long number) {
  if (fd >= 0) return sys(__NR_dup3, fd, number, O_CLOEXEC);
  (void)sys(__NR_close, number);
  return -1;
}

long outOfTheWay(long fd) { return fd <= 2 ? -1 : sys(__NR_fcntl, fd, F_DUPFD_CLOEXEC, kFirstFree); }

}  // namespace

long openRelay(Relay* relay, long masterFd, long* keptFd, long* resultFd, long lockFd) {
  const long master = outOfTheWay(masterFd), guardFd = outOfTheWay(relay->guardFd), kept = outOfTheWay(*keptFd), lock = outOfTheWay(lockFd),
             result = outOfTheWay(*resultFd);
  relay->masterFd = place(master, kMaster);
  relay->guardFd = place(guardFd, kGuard);
  *keptFd = place(kept, kKept);
  (void)place(lock, kLock);
  *resultFd = place(result, kResult);
  if (relay->masterFd < 0) return -EBADF;
  (void)sys(__NR_close_range, kFirstFree, ~0u, 0);
  // Held open: otherwise the master would be at its end whenever the program has closed all of its own.
  relay->peerFd = sys(__NR_ioctl, kMaster, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  const uint64_t all = ~0ull;
  relay->signalFd = sys(__NR_signalfd4, -1, address(&all), sizeof all, O_CLOEXEC);
  relay->await = await;
  relay->keeps = keeps;
  relay->stop = stop;
  relay->end = end;
  if (relay->peerFd < 0 || relay->signalFd < 0) return relay->peerFd < 0 ? relay->peerFd : relay->signalFd;
  take(relay);
  copySize(relay);
  return 0;
}

}  // namespace uchroot
