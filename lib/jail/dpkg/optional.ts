// Parts of packages that a program can do without in a jail, and that are large: they come along only where they are named.

import type { BytePath } from '../../binary/path.ts';

const OPTIONAL: readonly RegExp[] = [
  // drivers for devices of graphics, which a jail does not have; those of Mesa need LLVM
  /^\/usr\/lib\/(?:[^/]+-linux-[^/]+\/)?(?:dri|gbm|vdpau|gallium-pipe)(?=\/)/,
  // what jlink(1) makes a virtual machine of, and sources to be read
  /^\/usr\/lib\/jvm\/[^/]+\/(?:jmods(?=\/)|(?:lib\/)?src\.zip$)/,
];

/** The directory or file that is left out with a path; undefined for what belongs into a jail. */
export function optionalPart(path: BytePath): BytePath | undefined {
  for (const pattern of OPTIONAL) {
    const part = pattern.exec(path)?.[0];
    if (part !== undefined) return part as BytePath;
  }
  return undefined;
}
