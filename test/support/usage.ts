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
