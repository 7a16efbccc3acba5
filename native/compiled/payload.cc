// Checks a payload.

#include "payload.h"

#include "../plan/interpreter.h"

namespace uchroot {
namespace {

bool within(const Payload* payload, const PayloadTable& table, uint32_t elementBytes, uint32_t alignment) {
  const uint64_t end = table.offset + static_cast<uint64_t>(table.count) * elementBytes;
  return table.offset % alignment == 0 && table.offset >= sizeof(Payload) && end <= payload->sizeBytes;
}

// The last byte but one is zero, so each string that starts inside the block ends inside it.
bool isString(const Payload* payload, uint32_t offset) {
  return offset >= sizeof(Payload) && offset < payload->sizeBytes - 1;
}

bool areStrings(const Payload* payload, const PayloadTable& table) {
  if (!within(payload, table, 4, 4)) return false;
  const uint32_t* offsets = elementsOf<uint32_t>(payload, table);
  for (uint32_t i = 0; i < table.count; i++) {
    if (!isString(payload, offsets[i])) return false;
  }
  return true;
}

bool checkWords(const Payload* payload) {
  if (!within(payload, payload->reasons, sizeof(Reason), 4) || !within(payload, payload->errors, sizeof(ErrorWords), 4))
    return false;
  const Reason* reasons = elementsOf<Reason>(payload, payload->reasons);
  for (uint32_t i = 0; i < payload->reasons.count; i++) {
    if (!isString(payload, reasons[i].text) || (reasons[i].hint != 0 && !isString(payload, reasons[i].hint)))
      return false;
  }
  const ErrorWords* errors = elementsOf<ErrorWords>(payload, payload->errors);
  for (uint32_t i = 0; i < payload->errors.count; i++) {
    if (!isString(payload, errors[i].name) || !isString(payload, errors[i].text)) return false;
  }
  return areStrings(payload, payload->words);
}

bool checkWay(const Payload* payload, const PayloadTable& table) {
  if (table.count == 0 || !within(payload, table, sizeof(PathComponent), 4)) return false;
  for (uint32_t i = 0; i < table.count; i++) {
    const PathComponent& component = elementsOf<PathComponent>(payload, table)[i];
    if (!isString(payload, component.name) || !isString(payload, component.shown)) return false;
    if (component.acl.count > kMaxAclBytes) return false;
    if (component.acl.count > 0 && !within(payload, component.acl, 1, 1)) return false;
  }
  return true;
}

bool checkPidFile(const Payload* payload) {
  return payload->pidFile == 0 || (isString(payload, payload->pidFile) && isString(payload, payload->pidFileShown) &&
                                   checkWay(payload, payload->pidWay));
}

bool checkSteps(const Payload* payload) {
  if (!within(payload, payload->plan, 1, 8)) return false;
  const uint8_t* plan = elementsOf<uint8_t>(payload, payload->plan);
  if (!checkPlan(plan, payload->plan.count)) return false;
  uint32_t count = 0;
  for (Steps steps(plan); steps.next() != nullptr;) count++;
  return count == payload->words.count;
}

}  // namespace

bool checkPayload(const Payload* payload, uint64_t sizeBytes) {
  if (sizeBytes <= sizeof(Payload) || sizeBytes > kPayloadMaxBytes) return false;
  if (payload->magic != kPayloadMagic || payload->machine != kMachine || payload->sizeBytes != sizeBytes) return false;
  if (reinterpret_cast<const uint8_t*>(payload)[sizeBytes - 2] != 0) return false;
  if (!checkPidFile(payload)) return false;
  return isString(payload, payload->planText) && isString(payload, payload->helpText) &&
         isString(payload, payload->versionText) && checkWay(payload, payload->components) && checkWords(payload) &&
         areStrings(payload, payload->beginnings) && areStrings(payload, payload->entries) &&
         areStrings(payload, payload->fallbacks) && areStrings(payload, payload->directories) &&
         within(payload, payload->passing, 4, 4) && isString(payload, payload->jailPath) && payload->notifyFd == -1 && checkSteps(payload);
}

}  // namespace uchroot
