// Warnings of a build, as sentences and as data.

/** The subject of a warning; `other` has nothing but its sentence. Paths are those of the host. */
export type WarningSubject =
  /** Files that were left out because they are not world-readable. */
  | { readonly kind: 'secret'; readonly paths: readonly string[] }
  /** Programs that the file `by` may start, and that are not in the jail. */
  | { readonly kind: 'program'; readonly by: string; readonly paths: readonly string[] }
  /** Packages with further parts of the programs. */
  | { readonly kind: 'package'; readonly packages: readonly string[] }
  /** An account that the file `by` names, and that the jail does not know. */
  | { readonly kind: 'user' | 'group'; readonly by: string; readonly name: string }
  /** A program that fails when it is tried in the jail, and what it says. */
  | { readonly kind: 'trial'; readonly said: string }
  | { readonly kind: 'other' };

/** A warning: a sentence with the command that helps, if there is one, and its subject. */
export type JailWarning = WarningSubject & { readonly message: string };

/** Warnings that have nothing but their sentence. */
export function plainWarnings(messages: readonly string[]): readonly JailWarning[] {
  return messages.map((message) => ({ kind: 'other', message }));
}
