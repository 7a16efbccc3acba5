// The calls of JS for the pseudo-terminal of a program.
#pragma once

#include <napi.h>

#include "../start/spawn.h"

namespace uchroot {

// readTerminal(handle, buffer), writeTerminal(handle, bytes), endTerminal(handle), resizeTerminal(handle, cols, rows),
// hangUpTerminal(handle), awaitTerminal(handle, events, onReady), terminalSize()
void initTerminal(Napi::Env env, Napi::Object exports, Programs& programs);

}  // namespace uchroot
