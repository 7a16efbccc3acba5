// Archives, images of file systems, and images of containers in place of a directory.
import { test } from 'tap';

import { imageHint, unpackHint } from '../../lib/mistakes/archive-hint.ts';

test('an archive is unpacked into a directory of its name', (t) => {
  for (const end of ['.tar', '.tar.gz', '.tar.zst', '.tgz', '.txz', '.tbz', '.tbz2'])
    t.equal(
      unpackHint(`/srv/jail${end}`),
      `unpack it first: mkdir /srv/jail && tar -xf /srv/jail${end} -C /srv/jail`,
      end,
    );
  t.equal(
    unpackHint('my jail.tar'),
    "unpack it first: mkdir 'my jail' && tar -xf 'my jail.tar' -C 'my jail'",
  );
  t.end();
});

test('an image of a file system is unpacked or mounted', (t) => {
  for (const end of ['img', 'iso', 'qcow2', 'sqsh', 'squashfs', 'zip'])
    t.equal(unpackHint(`/srv/disk.${end}`), 'unpack it, or mount it, and name the directory', end);
  t.end();
});

test('other paths have no hint', (t) => {
  for (const path of ['/srv/jail', '/srv/tar', '.tar', '/srv/a.tar.gz.d', '/srv/image', '/srv/a.zip.old'])
    t.equal(unpackHint(path), undefined, path);
  for (const path of ['/srv/jail', 'debian', ':12', 'debian:', 'a:b:c', 'debian:12/srv'])
    t.equal(imageHint(path), undefined, path);
  t.end();
});

test('the name of a container image leads to a directory', (t) => {
  for (const path of ['debian:12', 'docker.io/library/node:22-slim'])
    t.equal(
      imageHint(path),
      'it takes a directory, and no image: docker export CONTAINER | tar -x -C DIRECTORY makes one',
      path,
    );
  t.end();
});
