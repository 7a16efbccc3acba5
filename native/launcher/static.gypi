# Settings of the static executables: no libc, no dynamic loader, one mapping.
{
  'cflags!': ['-pthread', '-fPIC', '-fno-omit-frame-pointer', '-O3'],
  'cflags': ['<@(alone_cflags)', '-fno-pic', '-fno-threadsafe-statics'],
  'ldflags!': ['-pthread', '-rdynamic'],
  'ldflags': [
    '-nostdlib',
    '-static',
    '-no-pie',
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
    '-Wl,-z,noexecstack',
    # Code and constants share one mapping, so the kernel has less to set up at each launch.
    '-Wl,-z,noseparate-code',
    # No dynamic loader relocates anything here, and on arm64 RELRO would add 64 KB of padding between code and data.
    '-Wl,-z,norelro',
  ],
  'libraries!': ['-lm', '-ldl'],
  'configurations': {
    'Release': {
      'ldflags': ['-s'],
    },
    'Debug': {
      # There is no sanitizer runtime, so undefined behaviour raises SIGILL.
      'cflags': ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'],
    },
  },
}
