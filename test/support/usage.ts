// The usage of a program that has used nothing.
export const noUsage = {
  userCpuMs: 0,
  systemCpuMs: 0,
  minorFaults: 0,
  majorFaults: 0,
  blockInputs: 0,
  blockOutputs: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
};

/** The account of a program that ended at once. */
export const noAccount = {
  status: 'OK',
  exitcode: 0,
  killed: 0,
  time: 0,
  'time-user': 0,
  'time-system': 0,
  'time-of': 'processes that were waited for',
  'time-wall': 0,
  'csw-voluntary': 0,
  'csw-forced': 0,
  'disk-read': 0,
  'disk-written': 0,
} as const;
