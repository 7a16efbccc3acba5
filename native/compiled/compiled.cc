// main() of a compiled launcher (`uchroot --compile`): a static executable without libc. Root starts it, in any environment. It
// checks itself and the jail, and becomes the program. The kernel maps its plan and its messages together with the code.

#include <elf.h>

#include <asm/signal.h>

#include "directory.h"
#include "environment.h"
#include "../plan/interpreter.h"
#include "manager.h"
#include "payload.h"
#include "pidfile.h"
#include "report.h"
#include "../launcher/start.h"
#include "../plan/syscall.h"
#include "xxh64.h"
#include "zone.h"

using namespace uchroot;

extern "C" const uint8_t __executable_start[];  // where the linker puts the ELF header

namespace {

// The whole writable segment. lib/launch/compile/executable.ts replaces it by a payload.
[[gnu::aligned(64), gnu::section(".data")]] uint8_t placeholder[sizeof(Payload)] = {0};

// A function that uses a Line is not inlined: otherwise a successful launch would touch the stack pages of all Lines.
[[noreturn, gnu::noinline]] void refuse(const char* line) {
  Line message;
  message.put("uchroot: launcher: ").put(line).put('\n').write(2);
  quit(kLaunchFailed);
}

[[noreturn]] void damaged() { refuse("this file is damaged: compile it again (uchroot --compile)"); }

extern "C" [[noreturn]] [[gnu::used]] void memoryFault(int) { damaged(); }

// Reading beyond the end of a truncated file raises SIGBUS (mmap(2)). An altered header can point anywhere.
void catchFaults() {
  constexpr uint64_t kRestorer = 0x04000000;  // SA_RESTORER: x86-64 requires one; the handler does not return
  const struct {
    void (*handler)(int);
    uint64_t flags;
    void (*restorer)(int);
    uint64_t mask;
  } action = {memoryFault, kRestorer, memoryFault, 0};
  (void)sys(__NR_rt_sigaction, SIGBUS, address(&action), 0, 8);
  (void)sys(__NR_rt_sigaction, SIGSEGV, address(&action), 0, 8);
}

// Checks all loaded bytes of the file against the checksum. The checksum itself is left out: it is at the start of the last
// segment.
bool isIntact(const Elf64_Ehdr* file, const Elf64_Phdr* headers, const Payload* payload) {
  uint64_t hash = 0;
  for (uint32_t i = 0; i < file->e_phnum; i++) {
    if (headers[i].p_type != PT_LOAD) continue;
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(headers[i].p_vaddr);
    const uint64_t skip = headers[i].p_vaddr == reinterpret_cast<uint64_t>(payload) ? sizeof payload->checksum : 0;
    hash = xxh64(bytes + skip, headers[i].p_filesz - skip, hash);
  }
  return hash == payload->checksum;
}

const Elf64_Phdr* lastSegment(const Elf64_Ehdr* file, const Elf64_Phdr* headers) {
  const Elf64_Phdr* last = headers;
  for (uint32_t i = 0; i < file->e_phnum; i++) {
    if (headers[i].p_type == PT_LOAD) last = &headers[i];
  }
  return last;
}

Payload* verifiedPayload() {
  Payload* payload = reinterpret_cast<Payload*>(placeholder);
  __asm__("" : "+r"(payload));  // the payload is larger than the compiler knows
  const auto* file = reinterpret_cast<const Elf64_Ehdr*>(__executable_start);
  const auto* headers = reinterpret_cast<const Elf64_Phdr*>(__executable_start + file->e_phoff);
  const Elf64_Phdr* last = lastSegment(file, headers);
  if (last->p_vaddr != reinterpret_cast<uint64_t>(payload) || last->p_filesz < sizeof(Payload)) damaged();
  if (last->p_filesz == sizeof(Payload)) refuse("nothing has been compiled into this file (uchroot --compile)");
  if (!isIntact(file, headers, payload)) damaged();
  if (!checkPayload(payload, last->p_filesz)) refuse("its plan is malformed, or made for another machine");
  return payload;
}

bool equal(const char* a, const char* b) {
  for (; *a == *b; a++, b++) {
    if (*a == 0) return true;
  }
  return false;
}

[[noreturn]] void print(const Payload* payload, uint32_t text) {
  const char* bytes = stringAt(payload, text);
  quit(writeAll(1, bytes, lengthOf(bytes)) ? 0 : kLaunchFailed);
}

// Answers --plan, --help and --version. The launcher takes no other argument and passes none on: it starts exactly what --plan
// prints.
void answerArguments(const Payload* payload, long argc, const char* const* argv) {
  if (argc < 2) return;
  if (argc == 2 && equal(argv[1], "--plan")) print(payload, payload->planText);
  if (argc == 2 && equal(argv[1], "--help")) print(payload, payload->helpText);
  if (argc == 2 && equal(argv[1], "--version")) print(payload, payload->versionText);
  static const char usage[] = "uchroot: this launcher takes no arguments but --plan, --help or --version\n"
                              "hint: compile it with the arguments of the program\n";
  (void)writeAll(2, usage, sizeof usage - 1);
  quit(payload->finalStatus == 0 ? 1 : payload->finalStatus);
}

[[noreturn, gnu::noinline]] void refuseUser(const Payload* payload, long uid, long euid) {
  Line message;
  message.put("uchroot must be run as root.  Current uid=").number(static_cast<uint64_t>(uid));
  message.put(", euid=").number(static_cast<uint64_t>(euid));
  quit(tell(payload, {nullptr, 0, "ERR_NOT_ROOT", 0}, message, "start it with sudo, or from a unit without User=", 3));
}

void requireRoot(const Payload* payload) {
  const long uid = sys(__NR_getuid), euid = sys(__NR_geteuid);
  // Both ids must be 0: the launcher must not be set-user-ID root.
  if (uid != 0 || euid != 0) refuseUser(payload, uid, euid);
}

// Writes the pid over the spaces that were left for it.
void putPid(uint8_t* text, uint32_t count, long pid) {
  uint32_t digits = 1;
  for (long rest = pid; rest >= 10; rest /= 10) digits++;
  uint32_t at = 0;
  while (at < count && text[at] != ' ') at++;
  for (uint32_t i = digits; i-- > 0; pid /= 10) {
    if (at + i < count) text[at + i] = static_cast<uint8_t>('0' + pid % 10);
  }
}

// Fills in the values that only this process knows: its pid, for --status-fd, and its parent's pid.
void fillIn(uint8_t* plan, long pid, long parent) {
  Steps steps(plan);
  while (PlanStep* step = steps.next()) {
    if ((step->flags & STEP_PARENT_PID) != 0) step->b = static_cast<uint64_t>(parent);
    if ((step->flags & STEP_OWN_PID) != 0) putPid(reinterpret_cast<uint8_t*>(step + 1), step->dataBytes, pid);
  }
}

}  // namespace

extern "C" [[noreturn]] [[gnu::used]] void compiledMain(const long* stack) {
  catchFaults();
  ignoreWriteSignals();
  Payload* payload = verifiedPayload();
  const long argc = stack[0];
  const char* const* argv = reinterpret_cast<const char* const*>(stack + 1);
  const char* const* caller = argv + argc + 1;
  answerArguments(payload, argc, argv);
  const long pid = sys(__NR_getpid), parent = sys(__NR_getppid);
  const int listenFds = countListenFds(caller, pid);
  if (payload->finalStatus != 0) payload->notifyFd = connectManager(payload, caller, listenFds);
  requireRoot(payload);

  const int jailFd = moveAside(payload, openJail(payload), listenFds);
  const bool hasPidFile = payload->pidFile != 0;
  Removal removal = hasPidFile ? writePidFile(payload, pid, listenFds) : Removal{};
  if (hasPidFile) startRemoval(&removal, static_cast<uint8_t*>(__builtin_alloca(kRemovalStackBytes)) + kRemovalStackBytes);

  const uint64_t slots = environmentSlots(payload, caller);
  const char** environment = static_cast<const char**>(__builtin_alloca(slots * sizeof(char*)));
  buildEnvironment(payload, caller, pid, listenFds > 0, environment);

  warnOfMissingZone(payload, environment, jailFd);

  uint8_t* plan = reinterpret_cast<uint8_t*>(payload) + payload->plan.offset;
  fillIn(plan, pid, parent);
  PlanContext context = {.jailFd = jailFd, .listenFds = listenFds, .environment = environment};
  const int status = tellStep(payload, runPlan(plan, context));
  if (hasPidFile) takeBack(&removal);
  quit(status);
}

UCHROOT_START("compiledMain")
