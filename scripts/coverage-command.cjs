// scripts/coverage: loaded by each command before its code. A process that becomes the program does not end as others do, and so
// says before what it has run.
const { takeCoverage } = require('node:v8');

const { dlopen } = process;
process.dlopen = function (module, ...rest) {
  dlopen.call(process, module, ...rest);
  for (const name of ['execPlan', 'execAndWait']) {
    const call = module.exports[name];
    module.exports[name] = (...words) => {
      takeCoverage();
      return call(...words);
    };
  }
};
