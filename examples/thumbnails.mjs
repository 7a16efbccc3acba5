// An endpoint that makes thumbnails: node thumbnails.mjs PORT, as root, with cwebp (Debian: webp). POST a PNG, JPEG or TIFF; a WebP that
// is 200 pixels wide comes back. curl --data-binary @photo.png http://127.0.0.1:8091/ >small.webp
import { createServer } from 'node:http';

import { buildJail, openJail } from 'uchroot';

const directory = process.env.JAIL ?? '/srv/thumbnails';
await buildJail({ directory, programs: ['cwebp'] });
const jail = await openJail(directory, { untrusted: true, timeoutMs: 5000, concurrency: 2 });
const args = ['-quiet', '-resize', '200', '0', '-o', '-', '--', '-'];
const cwebp = jail.prepare({ program: '/usr/bin/cwebp', args, encoding: 'buffer' });

const server = createServer((request, response) => {
  const gone = new AbortController(); // a client that goes away ends the program
  response.once('close', () => gone.abort());
  cwebp.run({ input: request, signal: gone.signal }).then(
    ({ stdout }) => response.writeHead(200, { 'content-type': 'image/webp' }).end(stdout),
    // the limit, if one was reached, or what cwebp has said; a LaunchError if it could not begin in time
    ({ name, limit, message }) =>
      response.writeHead(name === 'ExitError' ? 422 : 503).end(`${limit ?? message}\n`),
  );
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log(server.address().port));
