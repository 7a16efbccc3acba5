// --pid-file of a compiled launcher.
#pragma once

#include "payload.h"

namespace uchroot {

// Writes the pid to a new file and renames it. Returns its descriptor, or exits.
int writePidFile(const Payload* payload, long pid, int listenFds);

// Empties it: the program does not run. By descriptor, since its path may be out of reach by now.
void takeBackPidFile(int fd);

}  // namespace uchroot
