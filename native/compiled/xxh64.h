// XXH64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md), the checksum of a compiled launcher, and of the script to
// which a code cache belongs. Whoever can write the file is root and could compute any: it is for what is damaged or does
// not match, so what counts is that it costs a launch nothing.
#pragma once

#include <stdint.h>

namespace uchroot {

uint64_t xxh64(const uint8_t* bytes, uint64_t count, uint64_t seed);

}  // namespace uchroot
