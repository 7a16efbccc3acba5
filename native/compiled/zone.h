#pragma once

#include "payload.h"

namespace uchroot {

// Warns of a time zone file that the jail lacks: the C library silently uses UTC (tzset(3)). The same as findMissingZone() of
// lib/launch/tell/launch-warnings.ts.
void warnOfMissingZone(const Payload* payload, const char* const* environment, int jailFd);

}  // namespace uchroot
