// Reads the environment of a compiled launcher and builds that of the program.
#pragma once

#include "payload.h"

namespace uchroot {

// The value of a variable, or nullptr; `beginning` is the name with `=`.
const char* valueOf(const char* const* caller, const char* beginning);

// The number of socket-activation descriptors that were passed to the process `pid`, from 3 on (sd_listen_fds(3)).
int countListenFds(const char* const* caller, long pid);

// The number of pointers that buildEnvironment can write, including the last null pointer.
uint64_t environmentSlots(const Payload* payload, const char* const* caller);

// Fills `result` with entries of the caller and of the payload, and a null pointer. `pid` is this process's.
void buildEnvironment(const Payload* payload, const char* const* caller, long pid, bool listens, const char** result);

}  // namespace uchroot
