// Opens and checks the directories that a compiled launcher needs.
#pragma once

#include "payload.h"

namespace uchroot {

// Opens the jail directory (O_PATH) and checks each directory of its path, by descriptor. It returns only if all are as they were
// when the launcher was compiled. Otherwise it reports the change and exits.
long openJail(const Payload* payload);

// The same for the directory of the pid file.
long openPidDirectory(const Payload* payload);

// Moves one of the launcher's own descriptors away from the numbers that the program gets. Otherwise the plan would take it for
// an open descriptor of the caller. It exits if no number is free.
int moveAside(const Payload* payload, long fd, int listenFds);

}  // namespace uchroot
