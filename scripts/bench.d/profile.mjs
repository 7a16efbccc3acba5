// A published profile of system calls: that of BENCH_PROFILE, such as docker's default.json, or podman's where scripts/test or a package
// has put it; undefined if there is none.
import { existsSync } from 'node:fs';

export const profile = [
  process.env.BENCH_PROFILE,
  `${import.meta.dirname}/../../build/test/golang-github-containers-common/usr/share/containers/seccomp.json`,
  '/usr/share/containers/seccomp.json',
].find((path) => path !== undefined && existsSync(path));
