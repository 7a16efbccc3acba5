// Whether the host's user and group database is what it was, where files alone are asked for it.
#pragma once

#include <cstdint>

namespace uchroot {

// A number that is another one after each change of the database; 0 where only asking it tells. May be called on any thread.
uint64_t accountFilesVersion();

}  // namespace uchroot
