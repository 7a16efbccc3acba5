// UCHROOT_ISOLATE=1 runs the launches of the tests with --isolate, or `isolate: true`.

/** Whether the launches of the tests are isolated. */
export const isolated: boolean = process.env.UCHROOT_ISOLATE === '1';

/** For the option `skip` of a test about bare launches: why isolated ones differ, or false. */
export function unlessBare(reason: string): string | false {
  return isolated ? `not isolated: ${reason}` : false;
}
