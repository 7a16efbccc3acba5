// Compilers of C: headers and startup files of the C library, the assembler and the linker.

import { type BytePath, lastComponent } from '../../binary/path.ts';
import { failureOf, findInJail } from './self-check.ts';
import { ifAsked } from './interpreters.ts';
import type { Pack, PackHost, Part, Probe } from './pack.ts';

const COMPILER =
  /^(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|c[89]9|clang|clang\+\+|gfortran|gccgo|gdc|tcc)(?:-\d[\d.]*)?$/;
const OF_C = /^((?:[\w-]+-)?)(?:gcc|cc|clang)(?:-\d[\d.]*)?$/;

// So that headers, assembler, startup files and linker all have their turn.
const TRIAL = '-x c -include stdio.h -include errno.h -o /dev/null /dev/null'.split(' ');

export const cc: Pack = {
  name: 'cc',
  summary: 'headers and startup files of the C library, the assembler and the linker',
  when: { executables: COMPILER },
  parts: (host) => [
    ...ifAsked(host, 'cc'),
    ...tools(host),
    ...(host.find('/var/lib/dpkg/status').length > 0 ? debian(host) : others(host)),
  ],
  check: async (jail) => {
    if (jail.executables(COMPILER).length === 0) return 'there is no compiler';
    // as it is on a host that has no headers either
    if (findInJail(jail, '/usr/include/stdio.h').length === 0) return undefined;
    const canLink = findInJail(jail, '/usr/lib/gcc/*/*/crtbeginS.o').length > 0;
    for (const program of jail.executables(OF_C).filter((path) => isNative(jail, path))) {
      const failure = await failureOf(jail, program, ...(canLink ? ['-shared'] : ['-c']), ...TRIAL);
      if (failure !== undefined) return failure;
    }
    return undefined;
  },
};

// Without prefix, or with that of Debian: the name of the directory of its libraries.
function isNative(jail: Probe, path: BytePath): boolean {
  const prefix = OF_C.exec(lastComponent(path))?.[1];
  return (
    prefix === '' || findInJail(jail, '$LIB').some((directory) => prefix === `${lastComponent(directory)}-`)
  );
}

// Looked up in PATH, if they do not lie with the compiler; with the prefix of a cross compiler.
function tools(host: PackHost): readonly Part[] {
  const prefixes = host
    .executables(COMPILER)
    .map((path) => lastComponent(path).replace(/-\d[\d.]*$/, ''))
    .map((name) => name.slice(0, name.lastIndexOf('-') + 1));
  return [...new Set(['', ...prefixes])].flatMap((prefix) => [
    { program: `${prefix}as` },
    { program: `${prefix}ld` },
  ]);
}

/** What the packages of compilers only recommend, since one can compile without. */
function debian(host: PackHost): readonly Part[] {
  const cross = host
    .executables(COMPILER)
    .flatMap(
      (path) => ARCHITECTURES.find(([triplet]) => lastComponent(path).startsWith(`${triplet}-`))?.[1] ?? [],
    );
  return [
    { package: 'libc6-dev' },
    ...cross.map((architecture) => ({ package: `libc6-dev-${architecture}-cross` })),
  ];
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

/** The same where no package says what belongs to what. */
function others(host: PackHost): readonly Part[] {
  const prefixes = ['/usr', ...host.executables(COMPILER).map((path) => path.replace(/\/bin\/[^/]+$/, ''))];
  return [
    { tree: '/usr/include' },
    ...['crt1', 'Scrt1', 'rcrt1', 'gcrt1', 'crti', 'crtn'].map((name) => ({ path: `$LIB/${name}.o` })),
    ...['c', 'm', 'dl', 'pthread', 'rt', 'util', 'resolv', 'crypt', 'mvec'].flatMap((name) => [
      { path: `$LIB/lib${name}.so` },
      { path: `$LIB/lib${name}.a` },
    ]),
    { path: '$LIB/libc_nonshared.a' },
    ...[...new Set(prefixes)].flatMap((prefix) =>
      ['lib/gcc', 'lib64/gcc', 'libexec/gcc', 'lib/clang'].map((name) => ({
        tree: `${prefix}/${name}` as BytePath,
      })),
    ),
  ];
}
