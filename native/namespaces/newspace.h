#pragma once

namespace uchroot {

// Moves the calling thread into a new namespace of `kind` (CLONE_NEWNS, CLONE_NEWNET), whose file in /proc is `path`. A thread can have
// its own; it lives as long as a descriptor of that file is open (namespaces(7)).
bool enterNewSpace(int kind, const char* path);

}  // namespace uchroot
