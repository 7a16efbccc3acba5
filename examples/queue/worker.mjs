// A worker of the queue `jobs`: node worker.mjs REDIS JAIL COUNT
// Start as many as you like, on as many machines.
import { UnrecoverableError, Worker } from 'bullmq';

import { LimitError, openJobs } from './jailed-job.mjs';

const [redis, directory, count] = process.argv.slice(2);
const jobs = await openJobs(directory);

const worker = new Worker(
  'jobs',
  async (job, _token, signal) => {
    try {
      return await jobs.run(job.data, { onProgress: (progress) => job.updateProgress(progress), signal });
    } catch (error) {
      // to try again does not help
      throw error instanceof LimitError ? new UnrecoverableError(error.message) : error;
    }
  },
  {
    connection: { url: redis, maxRetriesPerRequest: null },
    concurrency: Number(count),
    // Another worker takes the jobs of one that was killed after this time.
    lockDuration: 5000,
    stalledInterval: 2000,
    maxStalledCount: 2,
  },
);
worker.on('error', (error) => console.error(error.message));
await worker.waitUntilReady();
console.log('ready');

// It finishes the jobs that it has begun, and takes no new ones.
process.once('SIGTERM', async () => {
  await worker.close();
  jobs.close();
});
