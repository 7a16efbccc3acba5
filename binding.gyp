# Builds uchroot.node, uchroot-launcher and uchroot-compiled into build/Release. The Debug configuration is the build
# with sanitizers (scripts/build-native --sanitize), in build/Debug.
{
  'variables': {
    # What runs between fork and exec has no libc to lean on: the compiler must neither turn a loop
    # into a call of memset nor add calls of its own (stack protector, fortify).
    'alone_cflags': [
      '-ffreestanding',
      '-fno-builtin',
      '-fno-tree-loop-distribute-patterns',
      '-fno-stack-protector',
      '-fno-asynchronous-unwind-tables',
      '-U_FORTIFY_SOURCE',
      '-Os',
    ],
  },
  'target_defaults': {
    'cflags': ['-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections', '-fvisibility=hidden'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti'],
    'configurations': {
      'Debug': {
        # the sanitizers' own code misleads this warning; it holds in the other build
        'cflags': ['-Wno-maybe-uninitialized'],
      },
    },
  },
  'targets': [
    {
      # A library of its own only so that it gets flags of its own.
      'target_name': 'interpreter',
      'type': 'static_library',
      'sources': ['native/interpreter.cc', 'native/removal.cc'],
      'cflags': ['<@(alone_cflags)'],
      'configurations': {
        'Debug': {
          'cflags': ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
        },
      },
    },
    {
      'target_name': 'uchroot',
      'dependencies': ['interpreter'],
      'sources': [
        'native/addon.cc',
        'native/accountfiles.cc',
        'native/accounts.cc',
        'native/likeness.cc',
        'native/attributes.cc',
        'native/calls.cc',
        'native/code.cc',
        'native/content.cc',
        'native/crew.cc',
        'native/exec.cc',
        'native/hardlinks.cc',
        'native/host.cc',
        'native/inroot.cc',
        'native/launch.cc',
        'native/look.cc',
        'native/names.cc',
        'native/beneath.cc',
        'native/scan.cc',
        'native/socket.cc',
        'native/pipes.cc',
        'native/process.cc',
        'native/processlaunch.cc',
        'native/registry.cc',
        'native/reopen.cc',
        'native/spawn.cc',
        'native/stamp.cc',
        'native/status.cc',
        'native/tree.cc',
        'native/treecopy.cc',
        'native/treeremove.cc',
        'native/treewalk.cc',
        'native/values.cc',
        'native/way.cc',
        'native/xxh64.cc',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': [
        'NAPI_VERSION=9',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # a worker that is being terminated can be thrown nothing: no reason to abort the process
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'configurations': {
        'Release': {
          # Never unloaded, as the threads of crew.cc never end. Small, and bound to itself where it can be: a command
          # loads it for a handful of calls, and node's symbol table, in which every other name is looked up, is huge.
          # Bound at once all the same, and then read-only, as node itself is: it is root's (0.6 % of a start).
          'cflags!': ['-O3'],
          'cflags': ['-Os'],
          'ldflags': ['-Wl,--gc-sections', '-Wl,--as-needed', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-Bsymbolic', '-Wl,-z,nodelete', '-s'],
        },
        'Debug': {
          'cflags': ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
          'ldflags': ['-fsanitize=address,undefined', '-Wl,-z,nodelete'],
        },
      },
    },
    {
      # Static, without libc: it starts in microseconds, and in a jail that is empty.
      'target_name': 'uchroot-launcher',
      'type': 'executable',
      'includes': ['native/static.gypi'],
      'sources': ['native/launcher.cc', 'native/interpreter.cc'],
    },
    {
      # The same for a launch that is compiled into it (uchroot --compile).
      'target_name': 'uchroot-compiled',
      'type': 'executable',
      'includes': ['native/static.gypi'],
      'sources': [
        'native/compiled.cc',
        'native/directory.cc',
        'native/environment.cc',
        'native/manager.cc',
        'native/interpreter.cc',
        'native/payload.cc',
        'native/pidfile.cc',
        'native/removal.cc',
        'native/report.cc',
        'native/xxh64.cc',
      ],
    },
  ],
}
