// The words come from lib/launch, which has put them into the payload; here they are only put together.

#include "report.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "syscall.h"

namespace uchroot {
namespace {

// In words of the payload: what a failure adds, such as the number of a descriptor.
constexpr char kDetail = 1;

void putWords(Line& line, const char* words, uint32_t detail) {
  for (; *words != 0; words++) {
    if (*words == kDetail) line.number(detail);
    else line.put(*words);
  }
}

void putJsonString(Line& line, const char* text) {
  line.put('"');
  for (; *text != 0; text++) {
    if (*text == '"' || *text == '\\') line.put('\\');
    line.put(*text);
  }
  line.put('"');
}

const Reason* findReason(const Payload* payload, const PlanFailure& failure) {
  const Reason* reasons = elementsOf<Reason>(payload, payload->reasons);
  for (uint32_t i = 0; i < payload->reasons.count; i++) {
    if (reasons[i].step == failure.step && reasons[i].error == failure.error) return &reasons[i];
  }
  return nullptr;
}

const ErrorWords* findError(const Payload* payload, int error) {
  const ErrorWords* errors = elementsOf<ErrorWords>(payload, payload->errors);
  for (uint32_t i = 0; i < payload->errors.count; i++) {
    if (errors[i].error == error) return &errors[i];
  }
  return nullptr;
}

}  // namespace

void ignoreWriteSignals() {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } ignore = {1, 0, 0, 0};
  (void)sys(__NR_rt_sigaction, SIGPIPE, address(&ignore), 0, 8);
  (void)sys(__NR_rt_sigaction, SIGXFSZ, address(&ignore), 0, 8);
}

void quit(long status) {
  for (;;) sys(__NR_exit_group, status);
}

uint64_t lengthOf(const char* text) {
  uint64_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

bool writeAll(long fd, const char* bytes, uint64_t count) {
  while (count > 0) {
    const long wrote = sys(__NR_write, fd, address(bytes), static_cast<long>(count));
    if (wrote == -EINTR) continue;
    if (wrote <= 0) return false;
    bytes += wrote;
    count -= static_cast<uint64_t>(wrote);
  }
  return true;
}

Line& Line::put(char character) {
  if (used_ < kMaxBytes - 1) buffer_[used_++] = character;
  buffer_[used_] = 0;
  return *this;
}

Line& Line::put(const char* text) {
  for (; *text != 0; text++) put(*text);
  return *this;
}

Line& Line::number(uint64_t value) {
  if (value >= 10) number(value / 10);
  return put(static_cast<char>('0' + value % 10));
}

Line& Line::octal(uint32_t mode) {
  for (int shift = 9; shift >= 0; shift -= 3) put(static_cast<char>('0' + (mode >> shift & 7)));
  return *this;
}

void Line::write(long fd) const { (void)writeAll(fd, buffer_, used_); }

const char* errorName(const Payload* payload, int error, Line& line) {
  const ErrorWords* words = findError(payload, error);
  if (words != nullptr) return stringAt(payload, words->name);
  return line.put('E').number(static_cast<uint64_t>(error)).text();
}

void putError(const Payload* payload, int error, Line& line) {
  const ErrorWords* words = findError(payload, error);
  if (words != nullptr) line.put(stringAt(payload, words->text));
  else line.put("error ").number(static_cast<uint64_t>(error));
}

void tell(const Payload* payload, const Failure& failure, const Line& message, const char* hint) {
  ignoreWriteSignals();  // a plan that has come to its last steps has reset them
  Line told;
  // the sentence of the C original begins with the program's name
  if (failure.step != nullptr) told.put("uchroot: ");
  told.put(message.text()).put('\n');
  if (hint != nullptr) told.put("hint: ").put(hint).put('\n');
  told.write(2);
  if (payload->statusFd < 0) return;
  Line event;
  event.put("{\"event\":\"failed\",\"step\":");
  putJsonString(event, failure.step == nullptr ? "root" : failure.step);
  if (failure.place != 0) event.put(",\"place\":").number(failure.place);
  event.put(",\"code\":");
  putJsonString(event, failure.code);
  if (failure.error != 0) event.put(",\"errno\":").number(static_cast<uint64_t>(failure.error));
  event.put(",\"message\":");
  putJsonString(event, message.text());
  event.put("}\n").write(payload->statusFd);
}

int tellStep(const Payload* payload, const PlanFailure& failure) {
  const char* words = stringAt(payload, elementsOf<uint32_t>(payload, payload->words)[failure.step]);
  const Reason* reason = findReason(payload, failure);
  Line message, step, name, hint;
  for (const char* at = words; *at != ':'; at++) step.put(*at);
  putWords(message, words, failure.detail);
  message.put(' ');
  if (reason == nullptr) putError(payload, failure.error, message);
  else putWords(message, stringAt(payload, reason->text), failure.detail);
  const bool hinted = reason != nullptr && reason->hint != 0;
  if (hinted) putWords(hint, stringAt(payload, reason->hint), failure.detail);
  tell(payload, {step.text(), failure.step + 1, errorName(payload, failure.error, name), failure.error}, message,
       hinted ? hint.text() : nullptr);
  if (failure.op != OP_EXECVE) return kLaunchFailed;
  return failure.error == ENOENT || failure.error == ENOTDIR ? 127 : 126;
}

}  // namespace uchroot
