// A worker of the queue `jobs`: node worker.mjs REDIS JAIL COUNT
// Start as many as you like, on as many machines.
import { Worker } from 'bullmq';

import { openJobs } from './jailed-job.mjs';

const [redis, directory, count] = process.argv.slice(2);
const jobs = await openJobs(directory);

const worker = new Worker('jobs', jobs.process, {
  connection: { url: redis, maxRetriesPerRequest: null },
  concurrency: Number(count),
  // Another worker takes the jobs of one that was killed after this time.
  lockDuration: 5000,
  stalledInterval: 2000,
  maxStalledCount: 2,
});
worker.on('error', (error) => console.error(error.message));
await worker.waitUntilReady();
console.log('ready');

// It finishes the jobs that it has begun, and takes no new ones.
process.once('SIGTERM', async () => {
  await worker.close();
  jobs.close();
});
