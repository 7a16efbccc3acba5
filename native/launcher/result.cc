// See result.h. The keys are those of the meta file of isolate(1), the sandbox of programming contests, where it has them.

#include "result.h"

#include <asm/signal.h>

#include "../plan/syscall.h"

namespace uchroot {
namespace {

// The file has as many bytes from the beginning: lib/launch/start/result.ts.
constexpr uint32_t kMostBytes = 4096;
constexpr uint32_t kMostMessage = 1024;
constexpr long kStderr = 2;
constexpr int64_t kBlockBytes = 512;  // struct taskstats and ru_inblock: task_io_get_inblock() in linux/task_io_accounting_ops.h

struct Text {
  const bool isLine;  // for people
  char bytes[kMostBytes];
  uint32_t length = 0;

  void byte(char one) {
    if (length < kMostBytes) bytes[length++] = one;
  }
  void text(const char* more) {
    for (; *more != 0; more++) byte(*more);
  }
  void digits(uint64_t number, int least) {
    char reversed[20];
    int count = 0;
    for (; number > 0 || count < least; number /= 10) reversed[count++] = static_cast<char>('0' + number % 10);
    while (count > 0) byte(reversed[--count]);
  }
  void key(const char* name) {
    text(isLine ? (length == 0 ? "uchroot: " : " ") : length == 0 ? "{\"" : ",\"");
    text(name);
    text(isLine ? "=" : "\":");
  }
  void number(const char* name, int64_t value) {
    if (value < 0) return;
    key(name);
    digits(static_cast<uint64_t>(value), 1);
  }
  void seconds(const char* name, int64_t us) {
    key(name);
    digits(static_cast<uint64_t>(us) / 1'000'000, 1);
    byte('.');
    digits(static_cast<uint64_t>(us) % 1'000'000, 6);
  }
  void word(const char* name, const char* value) {
    key(name);
    byte('"');
    const uint32_t end = length + kMostMessage;
    for (; *value != 0 && length < end; value++) {
      if (*value == '"' || *value == '\\') byte('\\');
      byte(*value);  // quote() of lib/words has left no control characters
    }
    byte('"');
  }
};

const char* statusOf(const EndAccount& account) {
  if (account.status == 0) return "OK";
  if (account.isTimeOver) return "TO";
  return (account.status & 0x7f) == 0 ? "RE" : "SG";
}

}  // namespace

void writeResult(long fd, const EndAccount& account) {
  Text text = {.isLine = fd == kStderr, .bytes = {}};
  const int signal = account.status & 0x7f;
  text.word("status", statusOf(account));
  if (account.limit != nullptr) text.word("limit", account.limit);
  if (account.message != nullptr) text.word("message", account.message);
  if (signal == 0) text.number("exitcode", account.status >> 8 & 0xff);
  else text.number("exitsig", signal);
  text.number("killed", account.isKilled ? 1 : 0);
  text.seconds("time", account.cpuUs);
  text.seconds("time-user", account.userUs);
  text.seconds("time-system", account.systemUs);
  text.word("time-of", account.isCpuOfAll ? "all processes" : "processes that were waited for");
  text.seconds("time-wall", account.wallUs);
  text.number("csw-voluntary", account.voluntary);
  text.number("csw-forced", account.forced);
  text.number("disk-read", account.blocksIn * kBlockBytes);
  text.number("disk-written", account.blocksOut * kBlockBytes);
  text.number("max-rss", account.largestKib);
  text.number("cg-mem", account.peakBytes < 0 ? -1 : account.peakBytes / 1024);
  text.number("cg-oom-killed", account.oomKills);
  text.number("refused-forks", account.forks);
  text.number("left-behind", account.isLeft);
  text.text(text.isLine ? "\n" : "}\n");
  if (text.isLine) {
    (void)sys(__NR_write, fd, address(text.bytes), text.length);  // nobody is left to tell
    return;
  }
  // in one piece: a reader sees the old text or this one
  const long wrote = sys(__NR_pwrite64, fd, address(text.bytes), text.length, 0);
  if (wrote == text.length) (void)sys(__NR_ftruncate, fd, text.length);  // spaces are left behind it otherwise
}

}  // namespace uchroot
