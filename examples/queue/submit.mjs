// Puts jobs into the queue and prints what becomes of each: node submit.mjs REDIS < jobs.json
// jobs.json is an array of {"program": "/bin/…", "args": […], "data": …}.
import { text } from 'node:stream/consumers';

import { Queue, QueueEvents } from 'bullmq';

const [url] = process.argv.slice(2);
const connection = { url, maxRetriesPerRequest: null };
const queue = new Queue('jobs', { connection });
const events = new QueueEvents('jobs', { connection });
await events.waitUntilReady();
// each job that is waited for listens to both
for (const emitter of [queue, events]) emitter.setMaxListeners(0);
events.on('progress', ({ jobId, data }) => console.log(JSON.stringify({ job: jobId, progress: data })));

const options = { attempts: 3, backoff: { type: 'exponential', delay: 100 }, removeOnComplete: 1000 };
const jobs = await queue.addBulk(
  JSON.parse(await text(process.stdin)).map((data) => ({ name: 'job', data, opts: options })),
);
await Promise.all(
  jobs.map(async (job) => {
    const outcome = await job.waitUntilFinished(events).then(
      (result) => ({ result }),
      (error) => ({ error: error.message }),
    );
    console.log(JSON.stringify({ job: job.id, ...outcome }));
  }),
);
await events.close();
await queue.close();
