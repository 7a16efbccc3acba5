// The ways of a compiled launcher.
#pragma once

#include "payload.h"

namespace uchroot {

// Opens the jail directory (O_PATH) and looks at each directory on the way, by descriptor. It returns only if all are
// what they were when the launcher was compiled; else it says what has changed, and exits.
long openJail(const Payload* payload);

// The same for the directory of the pid file.
long openPidDirectory(const Payload* payload);

// Moves a descriptor of the launcher's own away from the numbers that the program is to get: one of them that is not open
// would be taken for open. It exits if there is none free.
int moveAside(const Payload* payload, long fd, int listenFds);

}  // namespace uchroot
