#pragma once

namespace uchroot {

// Blocks all signals in the other threads of this process, for good. A signal to the process then stays pending until the calling
// thread, or the program that it executes, reads it (signal(7), execve(2)). Threads that do not answer within a tenth of a second,
// or all of them where /proc is missing, keep their mask.
void blockSignalsOfOthers();

}  // namespace uchroot
