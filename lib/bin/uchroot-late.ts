// What a launch that succeeds has no use for: looking into the jail, and words. See uchroot.ts.
export { findProblem } from '../launch/check.ts';
export { errnoName, reason } from '../errno.ts';
export { toLaunchError } from '../launch/failure.ts';
export { rehearse } from '../launch/rehearse.ts';
export { planAsJson, planAsText } from '../launch/show.ts';
export { makeUnit } from './uchroot-unit.ts';
