// What uchroot-service says of one service when it works on several.
import { JailError, LaunchError, UsageError } from '../errors.ts';

export function warn(unit: string, warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`uchroot-service: warning: ${unit}: ${warning}\n`);
}

/** Prints a failure for one service, so that the other services can follow. @returns its message; undefined if there was none */
export async function failureOf(unit: string, work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const isSystem = (error as NodeJS.ErrnoException).syscall !== undefined;
    if (
      !(error instanceof JailError || error instanceof UsageError || error instanceof LaunchError || isSystem)
    )
      throw error;
    const { message, hint } = error as JailError;
    const said = isSystem ? `${unit}: ${message}` : message;
    process.stderr.write(`uchroot-service: ${said}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
    return said;
  }
}

/** The same. @returns whether there was none */
export const tryOne = async (unit: string, work: () => Promise<void>): Promise<boolean> =>
  (await failureOf(unit, work)) === undefined;
