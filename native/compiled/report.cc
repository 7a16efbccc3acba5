// Puts messages together. Their texts come from the payload: lib/launch wrote them there.

#include "report.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "../plan/syscall.h"

namespace uchroot {
namespace {

// In a text of the payload, this byte stands for a failure's detail, such as the number of a descriptor.
constexpr char kDetail = 1;

// systemd ignores datagrams longer than 4096 bytes (NOTIFY_BUFFER_MAX).
constexpr uint32_t kNotifyBytes = 3000;

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

void putEvent(const Payload* payload, const Failure& failure, const Line& message) {
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

bool isPassing(const Payload* payload, int error) {
  const int32_t* errors = elementsOf<int32_t>(payload, payload->passing);
  for (uint32_t i = 0; i < payload->passing.count; i++) {
    if (errors[i] == error) return true;
  }
  return false;
}

// Sends STATUS= (sd_notify(3)), like lib/launch/tell/service-status.ts.
void notify(const Payload* payload, const Line& message, const char* hint) {
  Line status;
  status.put("STATUS=").put(message.text());
  if (hint != nullptr) status.put("; hint: ").put(hint);
  status.cut(kNotifyBytes);
  status.write(payload->notifyFd);
}

// Reports a failure between two stages.
int tellFork(const Payload* payload, const PlanFailure& failure) {
  Line message, name;
  const bool isKilled = failure.op == PHASE_EXECUTE;
  message.put(isKilled ? "launch: the launcher was killed: " : "launch: forking for the next stage: ");
  putError(payload, failure.error, message);
  return tell(payload, {"launch", 0, errorName(payload, failure.error, name), failure.error}, message, nullptr);
}

}  // namespace

void ignoreWriteSignals() {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } ignore = {1, 0, 0, 0};
  (void)sys(__NR_rt_sigaction, SIGPIPE, address(&ignore), 0, 8);
  (void)sys(__NR_rt_sigaction, SIGXFSZ, address(&ignore), 0, 8);
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

Line& Line::plain(const char* text, uint64_t length) {
  for (uint64_t i = 0; i < length; i++) put(static_cast<uint8_t>(text[i]) < ' ' || text[i] == 0x7f ? '?' : text[i]);
  return *this;
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
  uint64_t unit = 1;
  while (value / unit >= 10) unit *= 10;
  for (; unit > 0; unit /= 10) put(static_cast<char>('0' + value / unit % 10));
  return *this;
}

Line& Line::octal(uint32_t mode) {
  for (int shift = 9; shift >= 0; shift -= 3) put(static_cast<char>('0' + (mode >> shift & 7)));
  return *this;
}

void Line::cut(uint32_t bytes) {
  if (used_ <= bytes) return;
  // Never cut inside a character: systemd ignores text that is not UTF-8.
  while (bytes > 0 && (buffer_[bytes] & 0xc0) == 0x80) bytes--;
  used_ = bytes;
  buffer_[used_] = 0;
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

int tell(const Payload* payload, const Failure& failure, const Line& message, const char* hint, int status) {
  ignoreWriteSignals();  // the last steps of the plan may have reset them
  Line told;
  // The message of the C original starts with the program's name already.
  if (failure.step != nullptr) told.put("uchroot: ");
  told.put(message.text()).put('\n');
  if (hint != nullptr) told.put("hint: ").put(hint).put('\n');
  told.write(2);
  if (payload->notifyFd >= 0) notify(payload, message, hint);
  if (payload->statusFd >= 0) putEvent(payload, failure, message);
  if (payload->finalStatus == 0) return status;
  return isPassing(payload, failure.error) ? payload->passingStatus : payload->finalStatus;
}

int tellStep(const Payload* payload, const PlanFailure& failure) {
  if (failure.step == kNoStep) return tellFork(payload, failure);
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
  const bool isMissing = failure.error == ENOENT || failure.error == ENOTDIR;
  const int status = (failure.flags & STEP_PROGRAM) == 0 ? kLaunchFailed : isMissing ? 127 : 126;
  return tell(payload, {step.text(), failure.step + 1, errorName(payload, failure.error, name), failure.error}, message,
              hinted ? hint.text() : nullptr, status);
}

}  // namespace uchroot
