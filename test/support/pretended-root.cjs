// An addon that plans a launch as root would, and calls `stop` in place of the program: for the test of what a start loads.
const { constants, openSync } = require('node:fs');

const directory = (name, parent) => ({ path: Buffer.from(name), parent, mode: 0o40755, uid: 0, gid: 0 });

module.exports = function pretendRoot(addon, stop) {
  process.getuid = process.geteuid = () => 0;
  return {
    ...addon,
    environmentVariables: () => [['TERM', Buffer.from('xterm')]],
    effectiveCapabilities: () => 2n ** 41n - 1n,
    readHostSync: () => ({
      passwd: {
        name: 'sam',
        passwd: 'x',
        uid: 1000,
        gid: 1000,
        gecos: '',
        dir: '/home/sam',
        shell: '/bin/sh',
      },
      groups: [100],
      named: [],
      components: [directory('/', -1), directory('/jail', 0)],
      isHostRoot: false,
      fd: openSync('/', constants.O_DIRECTORY),
    }),
    execPlan: stop,
    execAndWait: stop,
  };
};
