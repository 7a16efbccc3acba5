// The process that starts the relay of a launch at the program's first call. Most of a launch's cost would be the start of Node, which many
// programs never need. Raw system calls only.
#pragma once

namespace uchroot {

// Descriptor 3 is the socket to which the plan sends `count` of the program's network; if the launch fails, none come. They become 5 and
// up. Ends with `parent`, the command. argv: the relay.
[[noreturn]] void relayWhenCalled(long parent, long count, const char* const* argv, const char* const* environment);

}  // namespace uchroot
