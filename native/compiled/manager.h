// The service manager that has started a compiled launcher.
#pragma once

#include "payload.h"

namespace uchroot {

// A close-on-exec socket on which each write is a message to it (sd_notify(3)); -1 if there is none.
int connectManager(const Payload* payload, const char* const* caller, int listenFds);

}  // namespace uchroot
