// Namespaces that a service makes before the launches that start from them.
#pragma once

namespace uchroot {

// A descriptor of a mount namespace that holds nothing but an empty directory; -1 if none could be made. A launch that starts from it
// does not copy the mounts of the host, which takes a microsecond or two for each of them. Made once, and never closed.
int mountSeed();

// A descriptor of a network namespace that no process has been in yet, with lo up; -1 if none is ready. The caller closes it.
// The kernel takes a quarter of the time of an isolated launch to make one. So a service keeps one ready.
int takeSpareNetwork();

// Makes the next one on a thread of its own. Does nothing if one is ready.
void makeSpareNetwork();

}  // namespace uchroot
