// C compilers: headers and startup files of the C library, the assembler and the linker.

import { type BytePath, lastComponent } from '../../tree/path.ts';
import { failureOf } from './self-check.ts';
import { expandPath, hasDpkg, ifAsked } from './pack-host.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const COMPILER =
  /^(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|c[89]9|clang|clang\+\+|gfortran|gccgo|gdc|tcc)(?:-\d[\d.]*)?$/;
const OF_C = /^((?:[\w-]+-)?)(?:gcc|cc|clang)(?:-\d[\d.]*)?$/;

// This trial uses headers, assembler, startup files and linker.
const TRIAL = '-x c -include stdio.h -include errno.h -o /dev/null /dev/null'.split(' ');

export const cc: Pack = {
  name: 'cc',
  summary: 'headers and startup files of the C library, the assembler and the linker',
  when: { executables: COMPILER },
  parts: (host) => [...ifAsked(host, 'cc'), ...tools(host), ...(hasDpkg(host) ? debian(host) : others(host))],
  check: async (jail) => {
    const has = (pattern: string) => expandPath(jail.root, pattern, []).length > 0;
    // the host has no headers either
    if (!has('/usr/include/stdio.h')) return undefined;
    const mode = has('/usr/lib/gcc/*/*/crtbeginS.o') ? '-shared' : '-c';
    for (const program of jail.executables(OF_C)) {
      // Debian's prefix is also the name of the directory of its libraries
      const prefix = OF_C.exec(lastComponent(program))?.[1] ?? '';
      if (prefix !== '' && !has(`/lib/${prefix.slice(0, -1)}/libc.so.6`)) continue;
      const failure = await failureOf(jail, program, mode, ...TRIAL);
      if (failure !== undefined) return failure;
    }
    return undefined;
  },
};

// A compiler looks its tools up in PATH if they are not beside it; those of a cross compiler have its prefix.
function tools(host: PackHost): readonly Part[] {
  const prefixes = host
    .executables(COMPILER)
    .map((path) => lastComponent(path).replace(/-\d[\d.]*$/, ''))
    .map((name) => name.slice(0, name.lastIndexOf('-') + 1));
  return [...new Set(['', ...prefixes])].flatMap((prefix) =>
    ['as', 'ld'].map((name) => ({ program: prefix + name })),
  );
}

/** Packages that compilers only recommend, because compiling without linking works without them. */
function debian(host: PackHost): readonly Part[] {
  const names = host.executables(COMPILER).map(lastComponent);
  const cross = names.flatMap(
    (name) => ARCHITECTURES.find(([triplet]) => name.startsWith(`${triplet}-`))?.[1] ?? [],
  );
  return ['libc6-dev', ...cross.map((name) => `libc6-dev-${name}-cross`)].map((name) => ({ package: name }));
}

const ARCHITECTURES = [
  ['aarch64-linux-gnu', 'arm64'],
  ['arm-linux-gnueabihf', 'armhf'],
  ['i686-linux-gnu', 'i386'],
  ['powerpc64le-linux-gnu', 'ppc64el'],
  ['riscv64-linux-gnu', 'riscv64'],
  ['s390x-linux-gnu', 's390x'],
  ['x86_64-linux-gnu', 'amd64'],
] as const;

/** The same files on a system without dpkg. */
function others(host: PackHost): readonly Part[] {
  const prefixes = ['/usr', ...host.executables(COMPILER).map((path) => path.replace(/\/bin\/[^/]+$/, ''))];
  return [
    { tree: '/usr/include' },
    ...['crt1', 'Scrt1', 'rcrt1', 'gcrt1', 'crti', 'crtn'].map((name) => ({ path: `$LIB/${name}.o` })),
    ...['c', 'm', 'dl', 'pthread', 'rt', 'util', 'resolv', 'crypt', 'mvec'].flatMap((name) =>
      ['so', 'a'].map((ending) => ({ path: `$LIB/lib${name}.${ending}` })),
    ),
    { path: '$LIB/libc_nonshared.a' },
    ...[...new Set(prefixes)].flatMap((prefix) =>
      ['lib/gcc', 'lib64/gcc', 'libexec/gcc', 'lib/clang'].map((name) => ({
        tree: `${prefix}/${name}` as BytePath,
      })),
    ),
  ];
}
