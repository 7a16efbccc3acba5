// XXH64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md): the checksum of a compiled launcher, and of the script that a
// code cache belongs to. It finds damaged or mismatched files, not attacks: a user who can write these files is root already. So
// speed matters most.
#pragma once

#include <stdint.h>

namespace uchroot {

uint64_t xxh64(const uint8_t* bytes, uint64_t count, uint64_t seed);

}  // namespace uchroot
