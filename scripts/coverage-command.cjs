// scripts/coverage: loaded by each command before its code. A process that becomes the program does not end as others do, and so
// says before what it has run. If the launch fails after the root directory or the user has changed, nothing more can be written:
// node would complain on stderr, where tests look.
const { stopCoverage, takeCoverage } = require('node:v8');

// Tests kill daemons.
setInterval(() => takeCoverage(), 2000).unref();

const { dlopen } = process;
process.dlopen = function (module, ...rest) {
  dlopen.call(process, module, ...rest);
  for (const name of ['execPlan', 'execAndWait']) {
    const call = module.exports[name];
    module.exports[name] = (...words) => {
      takeCoverage();
      try {
        return call(...words);
      } finally {
        stopCoverage();
      }
    };
  }
};
