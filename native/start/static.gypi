# Settings of the static executables: no libc, no loader, one mapping.
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
    # code and constants in one mapping: the kernel has less to set up for each launch
    '-Wl,-z,noseparate-code',
    # no loader is there to relocate anything, and on arm64 it would cost 64 KB of nothing between code and data
    '-Wl,-z,norelro',
  ],
  'libraries!': ['-lm', '-ldl'],
  'configurations': {
    'Release': {
      'ldflags': ['-s'],
    },
    'Debug': {
      # no runtime to report to: undefined behaviour is SIGILL
      'cflags': ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'],
    },
  },
}
