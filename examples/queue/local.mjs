// The same jobs on one machine, without a queue: node local.mjs JAIL COUNT < jobs.json
import { text } from 'node:stream/consumers';

import { openJobs } from './jailed-job.mjs';

const [directory, count] = process.argv.slice(2);

/** The outcomes of all jobs, in the order in which they end. */
async function* outcomes(jobs, list) {
  const pending = new Map();
  for (const [index, job] of list.entries()) {
    const outcome = jobs.run(job).then(
      (result) => ({ job: index, result }),
      (error) => ({ job: index, error: error.message }),
    );
    pending.set(index, outcome);
    if (pending.size >= Number(count)) yield await take(pending);
  }
  while (pending.size > 0) yield await take(pending);
}

async function take(pending) {
  const outcome = await Promise.race(pending.values());
  pending.delete(outcome.job);
  return outcome;
}

const jobs = await openJobs(directory);
for await (const outcome of outcomes(jobs, JSON.parse(await text(process.stdin)))) {
  console.log(JSON.stringify(outcome));
}
jobs.close();
