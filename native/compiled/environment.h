// The environment of a compiled launcher, and what it makes of it for the program.
#pragma once

#include "payload.h"

namespace uchroot {

// What the caller's variable of this name holds, or nothing; `beginning` is the name and `=`.
const char* valueOf(const char* const* caller, const char* beginning);

// Socket-activation descriptors that belong to the process `pid`: their number, from 3 on (sd_listen_fds(3)).
int countListenFds(const char* const* caller, long pid);

// How many pointers buildEnvironment may write, the last one included.
uint64_t environmentSlots(const Payload* payload, const char* const* caller);

// Fills `result` with entries of the caller's and of the payload's, and a null pointer.
void buildEnvironment(const Payload* payload, const char* const* caller, bool listens, const char** result);

}  // namespace uchroot
