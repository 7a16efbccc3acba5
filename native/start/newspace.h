#pragma once

namespace uchroot {

// Moves the calling thread into a new namespace of `kind` (CLONE_NEWNS, CLONE_NEWNET), whose file in /proc is `path`. Returns a
// descriptor of the namespace, which keeps it alive (namespaces(7)), or -1.
int newSpaceOfThread(int kind, const char* path);

}  // namespace uchroot
