#pragma once

namespace uchroot {

// A descriptor of a mount namespace that holds nothing but an empty directory; -1 if none could be made. A launch that starts from it
// does not copy the mounts of the host, which takes a microsecond or two for each of them. Made once, and never closed.
int mountSeed();

}  // namespace uchroot
