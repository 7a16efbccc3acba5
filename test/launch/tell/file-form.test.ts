// What a file is that no kernel of Linux executes.
import t from 'tap';

import { formOf, shebangFor } from '../../../lib/launch/tell/file-form.ts';

t.test('a file is known by its first bytes', async (t) => {
  for (const [begin, message] of [
    ['MZ\x90', 'a program for Windows'],
    ['\xcf\xfa\xed\xfe', 'a program for macOS'],
    ['\xca\xfe\xba\xbe\0\0\0\x02', 'a program for macOS'],
    ['\xca\xfe\xba\xbe\0\0\x00\x34', 'a class of Java'],
    ['PK\x03\x04', 'an archive (zip or jar)'],
    ['\x1f\x8b\x08', 'a compressed file'],
    ['!<arch>\n', 'an archive (a package or a static library)'],
    [' \n<!DOCTYPE html>', 'a page of HTML or XML, as a failed download leaves it'],
    ['echo hello\n', undefined],
    [' MZ', undefined],
    ['', undefined],
  ] as const)
    t.equal(formOf(Buffer.from(begin, 'latin1'))?.message, message, begin);
  t.match(formOf(Buffer.from('MZ'))?.hint, /built for Linux/);
});

t.test('a script is started by the interpreter of its ending, or else by the shell', async (t) => {
  t.equal(shebangFor('/a/b.py', '/bin/sh'), '#!/usr/bin/python3');
  t.equal(shebangFor('/a.py/b', '/bin/sh'), '#!/bin/sh');
  t.equal(shebangFor('/a/b.txt', '/bin/bash'), '#!/bin/bash');
});
