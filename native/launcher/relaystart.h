// The process that starts the relay of a launch at the program's first call. Most of a launch's cost would be the start of Node, which many
// programs never need. Raw system calls only.
#pragma once

namespace uchroot {

// Descriptor 3 is the socket to which the plan sends those of the program's network, until the program starts; if the launch fails,
// fewer than `least` come. They become 5 and up. Ends with `parent`, the command. argv: the relay, whose last word becomes their number.
[[noreturn]] void relayWhenCalled(long parent, long least, long argc, const char* const* argv, const char* const* environment);

}  // namespace uchroot
