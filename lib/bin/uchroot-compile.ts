// What only --compile has a use for. See uchroot.ts.
export { compileLaunch } from '../launch/compile/compile.ts';
