// Reads all data that a compiled launcher would read from an accepted payload: a sanitizer checks that it lies
// inside the payload.
#pragma once

#include <cstring>

#include "../../native/compiled/payload.h"
#include "read-plan.h"

inline void readPayload(const uchroot::Payload* payload) {
  using namespace uchroot;
  uint64_t sum = 0;
  const auto read = [&](uint32_t offset) { sum += std::strlen(stringAt(payload, offset)); };
  const auto readAll = [&](const PayloadTable& table) {
    for (uint32_t i = 0; i < table.count; i++) read(elementsOf<uint32_t>(payload, table)[i]);
  };
  for (const uint32_t text : {payload->planText, payload->helpText, payload->versionText, payload->jailPath}) read(text);
  if (payload->pidFile != 0) {
    read(payload->pidFile);
    read(payload->pidFileShown);
  }
  const auto readWay = [&](const PayloadTable& way) {
    for (uint32_t i = 0; i < way.count; i++) {
      const auto& component = elementsOf<PathComponent>(payload, way)[i];
      read(component.name);
      read(component.shown);
      for (uint32_t at = 0; at < component.acl.count; at++) sum += elementsOf<uint8_t>(payload, component.acl)[at];
    }
  };
  readWay(payload->components);
  if (payload->pidFile != 0) readWay(payload->pidWay);
  for (uint32_t i = 0; i < payload->reasons.count; i++) {
    const auto& reason = elementsOf<Reason>(payload, payload->reasons)[i];
    read(reason.text);
    if (reason.hint != 0) read(reason.hint);
  }
  for (uint32_t i = 0; i < payload->errors.count; i++) {
    const auto& error = elementsOf<ErrorWords>(payload, payload->errors)[i];
    read(error.name);
    read(error.text);
  }
  for (const PayloadTable& table : {payload->words, payload->beginnings, payload->entries, payload->fallbacks,
                                     payload->directories})
    readAll(table);
  readPlan(elementsOf<uint8_t>(payload, payload->plan));
  __asm__ volatile("" : : "r"(sum));  // keeps the compiler from removing the reads
}
