// A variable of glibc that the header of std::shared_ptr reads, and that musl does not have. The addon has threads, so it is false.
// (https://www.gnu.org/software/libc/manual/html_node/Single_002dThreaded.html)
extern "C" char __libc_single_threaded;
char __libc_single_threaded = 0;
