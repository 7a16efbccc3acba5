// --pid-file of a compiled launcher.
#pragma once

#include "payload.h"
#include "../plan/removal.h"

namespace uchroot {

// Writes the pid to a new file and renames it. Returns the removal that takes the file back. On an error it exits.
Removal writePidFile(const Payload* payload, long pid, int listenFds);

}  // namespace uchroot
