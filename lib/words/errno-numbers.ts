// Errno numbers that code compares with. A file of its own: errno.ts is in uchroot-late.cjs, which an ordinary launch does not load,
// and neither is node:os.
export const ENOENT = 2;
export const EIO = 5;
export const EINVAL = 22;
export const EISDIR = 21;
