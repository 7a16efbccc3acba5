// Errors that pass: descriptors, processes or memory are short.

const codes: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS']);

export function isShortage(error: unknown): boolean {
  return codes.has((error as NodeJS.ErrnoException).code);
}
