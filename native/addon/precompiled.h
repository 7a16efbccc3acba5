// The compiler reads this once for all sources of the addon, because napi.h takes most of the time of a compilation (binding.gyp).
// The sources do not count on it: each includes what it needs.
#include <napi.h>
