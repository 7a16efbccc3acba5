// The connection to the service manager that started a compiled launcher.
#pragma once

#include "payload.h"

namespace uchroot {

// Returns a close-on-exec socket on which each write is one message to the manager (sd_notify(3)); -1 if there is none.
int connectManager(const Payload* payload, const char* const* caller, int listenFds);

}  // namespace uchroot
