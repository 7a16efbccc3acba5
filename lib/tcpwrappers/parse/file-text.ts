// What a file of rules or of patterns turned out to be.

/** Largest file that is read. */
export const MAX_FILE_BYTES = 64 << 20;

/** What was found at a path; `text` has one byte a character. */
export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  /** libwrap can open it, and reads it as if it were empty. */
  | { readonly kind: 'directory' }
  | { readonly kind: 'large' }
  /** `code` is the name of an errno, or EINVAL for what is no file. */
  | { readonly kind: 'unreadable'; readonly code: string };
