// What a service is warned of.
import type { DirectoryFinding } from '../host/directory.ts';

const warned = new Set<string>();

/** Process warnings, each once: `UCHROOT_JAIL`. */
export function warnOnce(warnings: readonly DirectoryFinding[]): void {
  for (const { message, hint } of warnings) {
    if (warned.has(message)) continue;
    warned.add(message);
    process.emitWarning(message, { code: 'UCHROOT_JAIL', detail: `hint: ${hint}` });
  }
}
