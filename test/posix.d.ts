// What the tests use of the npm package posix, which has no types.
declare module 'posix' {
  interface Passwd {
    readonly name: string;
    readonly passwd: string;
    readonly uid: number;
    readonly gid: number;
    readonly gecos: string;
    readonly shell: string;
    readonly dir: string;
  }
  interface Group {
    readonly name: string;
    readonly passwd: string;
    readonly gid: number;
    readonly members: readonly string[];
  }
  const posix: {
    /** Throws if there is no such user. */
    getpwnam(nameOrUid: string | number): Passwd;
    /** Throws if there is no such group. */
    getgrnam(nameOrGid: string | number): Group;
    chroot(path: string): void;
    /** Of all threads (seteuid(3)). */
    seteuid(uid: number): void;
  };
  export = posix;
}
