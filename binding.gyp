# Builds uchroot.node, uchroot-launcher and uchroot-compiled into build/Release. The Debug configuration is the build
# with sanitizers (scripts/build-native --sanitize), in build/Debug.
{
  'variables': {
    # These files are in each executable that runs plans, and in the addon.
    'interpreter_sources': [
      'native/plan/credentials.cc',
      'native/plan/descriptors.cc',
      'native/plan/fork.cc',
      'native/plan/interpreter.cc',
      'native/plan/places.cc',
      'native/plan/landlock.cc',
      'native/plan/limits.cc',
      'native/plan/mounts.cc',
      'native/plan/outbound.cc',
      'native/plan/overlay.cc',
      'native/plan/namespaces.cc',
      'native/plan/rootless.cc',
      'native/plan/processstate.cc',
      'native/plan/pty.cc',
      'native/plan/readback.cc',
      'native/plan/stages.cc',
    ],
    # This code runs without libc: the compiler must not replace a loop by a call of memset, or add calls of its own
    # (stack protector, fortify).
    'alone_cflags': [
      '-ffreestanding',
      '-fno-builtin',
      '-fno-tree-loop-distribute-patterns',
      '-fno-stack-protector',
      '-U_FORTIFY_SOURCE',
      '-Os',
    ],
  },
  'target_defaults': {
    'cflags': ['-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections', '-fvisibility=hidden'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti'],
    'conditions': [
      # The functions for atomics outside of the code call __getauxval, which musl does not have.
      ['target_arch=="arm64"', {'cflags': ['-mno-outline-atomics']}],
    ],
    'configurations': {
      'Release': {
        # There are no exceptions, so no tables for them. On arm64 5 KB more can make the addon 64 KB larger, as the end of relro lies at
        # a multiple of that in the file.
        'cflags': ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables'],
        # Node's settings ask for them, for perf(1). They are 12 KB of the addon.
        'cflags!': ['-fno-omit-frame-pointer'],
      },
      'Debug': {
        # the sanitizers cause false warnings of this kind; the Release build has the warning
        'cflags': ['-Wno-maybe-uninitialized'],
      },
    },
  },
  'targets': [
    {
      # A separate library, because it needs other flags.
      'target_name': 'interpreter',
      'type': 'static_library',
      'sources': ['<@(interpreter_sources)', 'native/plan/removal.cc'],
      'cflags': ['<@(alone_cflags)'],
      'configurations': {
        'Debug': {
          'cflags': ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
        },
      },
    },
    {
      # Optimised for speed; the rest of the addon is optimised for size.
      'target_name': 'fast',
      'type': 'static_library',
      'sources': ['native/files/lines.cc', 'native/files/sha256.cc', 'native/files/wantedtexts.cc'],
      'cflags!': ['-O3'],
      'cflags': ['-O2'],
      'configurations': {
        'Debug': {
          'cflags': ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
        },
      },
    },
    {
      'target_name': 'uchroot',
      'dependencies': ['interpreter', 'fast'],
      'sources': [
        'native/accounts/accounts.cc',
        'native/accounts/host.cc',
        'native/accounts/names.cc',
        'native/accounts/ownid.cc',
        'native/addon/addon.cc',
        'native/addon/calls.cc',
        'native/addon/loose.cc',
        'native/addon/idle.cc',
        'native/addon/listen.cc',
        'native/addon/pending.cc',
        'native/addon/socket.cc',
        'native/addon/texts.cc',
        'native/addon/threads.cc',
        'native/addon/values.cc',
        'native/cgroup/cgroup.cc',
        'native/cgroup/cgroupinplace.cc',
        'native/cgroup/ownedcgroup.cc',
        'native/files/attributes.cc',
        'native/files/content.cc',
        'native/files/entries.cc',
        'native/files/filelist.cc',
        'native/files/hardlinks.cc',
        'native/files/inroot.cc',
        'native/files/look.cc',
        'native/files/opened.cc',
        'native/files/scan.cc',
        'native/files/stamps.cc',
        'native/files/tree.cc',
        'native/files/treecopy.cc',
        'native/files/treeremove.cc',
        'native/files/treescan.cc',
        'native/files/treewalk.cc',
        'native/files/way.cc',
        'native/namespaces/idmap.cc',
        'native/namespaces/ready.cc',
        'native/namespaces/mountids.cc',
        'native/namespaces/spaces.cc',
        'native/outbound/flow.cc',
        'native/outbound/gate.cc',
        'native/outbound/insidesockets.cc',
        'native/outbound/outboundrelay.cc',
        'native/start/crew.cc',
        'native/start/exec.cc',
        'native/start/launch.cc',
        'native/start/othersignals.cc',
        'native/start/pipes.cc',
        'native/start/process.cc',
        'native/start/processlaunch.cc',
        'native/start/spawn.cc',
        'native/terminal/inputend.cc',
        'native/terminal/rights.cc',
        'native/terminal/terminal.cc',
        'native/terminal/terminalcalls.cc',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      # precompiled.h is compiled with the flags of the sources, otherwise g++ would not use it.
      'cflags_cc': ['-include', '<(INTERMEDIATE_DIR)/precompiled.h'],
      'actions': [
        {
          'action_name': 'precompile',
          'inputs': ['native/addon/precompiled.h', '<!(node -p "require(\'node-addon-api\').include_dir")/napi.h'],
          'outputs': ['<(INTERMEDIATE_DIR)/precompiled.h.gch'],
          'action': [
            'sh',
            '-c',
            'cd build && rm -f $@ && cp ../native/addon/precompiled.h $(@D) && $(CXX) $(DEFS_$(BUILDTYPE)) $(INCS_$(BUILDTYPE)) '
            '$(CFLAGS_$(BUILDTYPE)) $(CFLAGS_CC_$(BUILDTYPE)) -x c++-header $(@:.gch=) -o $@',
          ],
        },
      ],
      # One addon runs with glibc and with musl, so it needs names that both have. With this macro glibc has names of its own
      # (open64), though off_t has 64 bits without it.
      'defines!': ['_FILE_OFFSET_BITS=64'],
      'defines': [
        'NAPI_VERSION=9',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # in a worker that is being terminated, a throw fails: that must not abort the process
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'configurations': {
        'Release': {
          # nodelete: the threads of crew.cc never end. -Bsymbolic: a command loads the addon for a few calls, and each name that is not
          # bound inside it is looked up in node's large symbol table. relro and now: root runs it, so its tables become read-only, like
          # node's (0.6 % of a start).
          'cflags!': ['-O3'],
          'cflags': ['-Os', '-flto=auto'],
          'ldflags': ['-Os', '-flto=auto', '-Wl,--gc-sections', '-Wl,--as-needed', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-Bsymbolic', '-Wl,-z,nodelete', '-s'],
        },
        'Debug': {
          'cflags': ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
          'ldflags': ['-fsanitize=address,undefined', '-Wl,-z,nodelete'],
        },
      },
    },
    {
      # The same code for both static executables.
      'target_name': 'static-interpreter',
      'type': 'static_library',
      'includes': ['native/launcher/static.gypi'],
      'sources': ['<@(interpreter_sources)', 'native/launcher/memset.cc'],
    },
    {
      # Static, without libc: it starts in microseconds, even in an empty jail.
      'target_name': 'uchroot-launcher',
      'type': 'executable',
      'dependencies': ['static-interpreter'],
      'includes': ['native/launcher/static.gypi'],
      'sources': [
        'native/cgroup/cgroup.cc',
        'native/launcher/clock.cc',
        'native/launcher/denials.cc',
        'native/launcher/descendants.cc',
        'native/launcher/launcher.cc',
        'native/launcher/limitwatch.cc',
        'native/launcher/relay.cc',
        'native/launcher/relaystart.cc',
        'native/launcher/result.cc',
        'native/terminal/inputend.cc',
      ],
    },
    {
      # The same for a launch that is compiled into it (uchroot --compile).
      'target_name': 'uchroot-compiled',
      'type': 'executable',
      'dependencies': ['static-interpreter'],
      'includes': ['native/launcher/static.gypi'],
      'sources': [
        'native/compiled/compiled.cc',
        'native/compiled/directory.cc',
        'native/compiled/environment.cc',
        'native/compiled/manager.cc',
        'native/compiled/payload.cc',
        'native/compiled/pidfile.cc',
        'native/compiled/zone.cc',
        'native/plan/removal.cc',
        'native/compiled/report.cc',
        'native/compiled/xxh64.cc',
      ],
    },
  ],
}
