// Readers of bytes that others write, for scripts/fuzz. Each takes any bytes: it reads them or throws its own error, in a time that
// the length bounds. What is thrown here is a fault.
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { gzipSync } from 'node:zlib';

import { readCache, writeCache } from '../../lib/binary/cache.ts';
import { readElf } from '../../lib/binary/elf.ts';
import { readImports } from '../../lib/binary/elf-symbols.ts';
import { parseEnv } from '../../lib/binary/env.ts';
import { readScript } from '../../lib/binary/shebang.ts';
import { JailError, UsageError } from '../../lib/errors.ts';
import { readInetdConf } from '../../lib/inetd/config/inetd-conf.ts';
import { readToml } from '../../lib/inetd/config/toml-file.ts';
import { readXinetdConf } from '../../lib/inetd/config/xinetd-conf.ts';
import { readDiversions, readRegistry } from '../../lib/jail/dpkg/file-lists.ts';
import { readRelations, readStatus } from '../../lib/jail/dpkg/package-status.ts';
import { readTmpfiles, readUnit } from '../../lib/jail/dpkg/service-directories.ts';
import { BadImage } from '../../lib/jail/image/bad-image.ts';
import { readDocuments } from '../../lib/jail/image/image-documents.ts';
import { ImageTree } from '../../lib/jail/image/image-merge.ts';
import { TarReader } from '../../lib/jail/image/tar-reader.ts';
import { installedIn } from '../../lib/jail/inventory/installed.ts';
import { parseManifest, writeManifest } from '../../lib/jail/manifest/manifest.ts';
import { makeFilter } from '../../lib/launch/seccomp/filter.ts';
import { answerTo, answers, readQuestion, shortAnswer, typeAaaa } from '../../lib/outbound/dns.ts';
import { toEntry } from '../../lib/outbound/entry.ts';
import { readDeclared } from '../../lib/service/adopt/declared.ts';
import { readEnvironmentFile, standardFilesIn } from '../../lib/service/adopt/installed/unit-text.ts';
import { readRules } from '../../lib/tcpwrappers/parse/rule-file.ts';
import { readMounts } from '../../lib/tree/mountinfo.ts';
import { bytePath, toLatin1 } from '../../lib/tree/path.ts';
import { parseAddress } from '../../lib/values/address.ts';

import { cacheWithHwcap } from '../support/binary/hwcap.ts';
import { elfImage } from '../support/binary/mutation.ts';
import { archive, member, pax, sha256 } from '../support/jail/images.ts';

export interface Target {
  readonly name: string;
  /** Where a mutation begins that has no seed in test/fuzz/seeds yet, as latin1. */
  readonly begin: readonly string[];
  readonly run: (bytes: Buffer) => void;
}

type ErrorClass = abstract new (...args: never) => Error;

/** Undefined if it throws an error of this class, which must have a message of its own. */
function orError<T>(allowed: ErrorClass, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof allowed)) throw error;
    assert.ok(error.message.length > 0 && error.message.length < 10_000, 'the message is too long');
    return undefined;
  }
}

const utf8 = (bytes: Buffer): string => bytes.toString();

/** The two halves of an input at the first NUL. */
function halves(bytes: Buffer): readonly [Buffer, Buffer] {
  const at = bytes.indexOf(0);
  return at === -1 ? [bytes, bytes] : [bytes.subarray(0, at), bytes.subarray(at + 1)];
}

function runElf(bytes: Buffer): void {
  const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  const elf = readElf(read);
  if (elf.kind === 'elf') readImports(read, new Set(['chroot', 'setuid']));
}

function runCache(bytes: Buffer): void {
  const { entries } = readCache(bytes);
  // levels of the processor by their numbers are left out when written
  const plain = entries.filter(({ hwcap }) => hwcap === undefined).slice(0, 100);
  const written = readCache(writeCache(plain, 'little')).entries;
  assert.deepEqual(new Set(written.map(({ path }) => path)), new Set(plain.map(({ path }) => path)));
}

function runManifest(bytes: Buffer): void {
  const manifest = orError(JailError, () => parseManifest(gzipSync(bytes, { level: 1 })));
  if (manifest === undefined) return;
  const again = parseManifest(writeManifest(manifest));
  assert.deepEqual(again, manifest);
}

// What is kept of an earlier reading must not change what a later text means.
function runRules(bytes: Buffer): void {
  const options = {
    file: '/etc/hosts.allow',
    role: 'allow',
    openFile: () => ({ kind: 'absent' }),
  } as unknown as Parameters<typeof readRules>[1];
  const [before, after] = halves(bytes).map((text) => ({ kind: 'text', text: toLatin1(text) }) as const);
  if (before === undefined || after === undefined) return;
  const kept = readRules(before, options);
  assert.deepEqual(readRules(after, options, kept).table, readRules(after, options).table);
}

function runDns(bytes: Buffer): void {
  const found = readQuestion(bytes);
  if (found === undefined) return;
  if (typeof found === 'number') {
    assert.ok(shortAnswer(bytes, found).length <= 512);
    return;
  }
  const answer = answerTo(found, answers.none, Buffer.alloc(found.type === typeAaaa ? 16 : 4));
  assert.ok(answer.readUInt16BE(0) === bytes.readUInt16BE(0), 'the answer has another id');
}

const profileFacts = { architecture: 'x64', caps: [], kernel: '6.12.0' } as const;

function runProfile(bytes: Buffer): void {
  const text = utf8(bytes);
  const request = {
    ...profileFacts,
    isIsolated: true,
    isLog: false,
    allow: [],
    allowNewPrivs: false,
    hasInit: false,
  };
  orError(UsageError, () => makeFilter({ ...request, profile: { file: 'profile.json', text } }));
}

const hostProgram = { directory: '/', portOf: () => 7, hasIPv6: true };

function runInetd(bytes: Buffer): void {
  orError(UsageError, () => readInetdConf('inetd.conf', toLatin1(bytes), hostProgram));
  const files = [{ path: 'xinetd.conf', text: toLatin1(bytes) }];
  const include = (() => []) as unknown as Parameters<typeof readXinetdConf>[2];
  orError(UsageError, () => readXinetdConf(files, hostProgram, include));
}

function runToml(bytes: Buffer): void {
  orError(UsageError, () => readToml('services.toml', utf8(bytes)));
  orError(UsageError, () => readDeclared('/etc/uchroot/services.d/nginx.toml', utf8(bytes)));
}

// Node reads addresses by code of its own. It takes a zone, which is a word of its own here.
function runAddress(bytes: Buffer): void {
  const text = toLatin1(bytes);
  const isAddress = isIP(text) !== 0 && !text.includes('%');
  assert.equal(parseAddress(text) !== undefined, isAddress, `node:net says ${isAddress}`);
}

function runDpkg(bytes: Buffer): void {
  for (const { name } of installedIn([bytePath('/var/lib/dpkg/status.d/a')], () => bytes))
    assert.match(name, /^[\w.+~:-]+$/, 'a name that no package has');
  readStatus(bytes);
  readRelations(utf8(bytes));
  readDiversions(bytes);
  readRegistry(bytes);
}

function runUnit(bytes: Buffer): void {
  readUnit(bytes);
  readTmpfiles(bytes);
  standardFilesIn(utf8(bytes));
  readEnvironmentFile(utf8(bytes));
}

function runScript(bytes: Buffer): void {
  const script = readScript(bytes.subarray(0, 256));
  if (script.kind !== 'script') return;
  const words = toLatin1(bytes)
    .split(' ')
    .map((word) => bytePath(word));
  parseEnv(words, undefined);
}

const library = { name: bytePath('liba.so'), path: bytePath('/lib/liba.so'), flags: 0x303 };

const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.41-12
Depends: libgcc-s1, a (>= 1.0~rc1) | b:any [amd64] <!nocheck>
Conffiles:
 /etc/a 0123456789abcdef0123456789abcdef obsolete

`;

// Sums of headers and digests of documents are made right: otherwise nearly every input would end there.
function runTar(bytes: Buffer): void {
  const archived = Buffer.from(bytes);
  for (let at = 0; at + 512 <= archived.length; at += 512) {
    const block = archived.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((all, byte) => all + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  }
  orError(BadImage, () => {
    const tree = new ImageTree(1000);
    let leftBytes = 0;
    const reader = new TarReader({
      entry: (entry) => {
        if (entry.sizeBytes > 1 << 20) throw new BadImage('too large for a fuzzer');
        leftBytes = entry.sizeBytes;
        tree.add(entry);
      },
      data: (piece) => void (leftBytes -= piece.length),
      end: () => assert.equal(leftBytes, 0, 'a content has another size'),
    });
    for (let at = 0; at < archived.length; at += 700) reader.push(archived.subarray(at, at + 700));
    reader.finish(false);
    const paths = tree.entries().map(({ path }) => path);
    for (const path of paths) assert.match(path, /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/, 'a path leads out');
    assert.equal(new Set(paths).size, paths.length, 'a path is there twice');
  });
}

function runImage(bytes: Buffer): void {
  const [index = '', saved = '', manifest = '', config = ''] = utf8(bytes).split('\0');
  const files = new Map<string, Buffer>();
  const filled = (text: string): string =>
    [...files].reduce(
      (all, [name, data]) =>
        all
          .replaceAll(`@${name.length}`, `sha256:${sha256(data)}`)
          .replaceAll(`"#${name.length}"`, String(data.length)),
      text,
    );
  files.set('c', Buffer.from(config));
  files.set('mm', Buffer.from(filled(manifest)));
  const blobs = new Map([...files.values()].map((data) => [`blobs/sha256/${sha256(data)}`, data]));
  const read = (name: string) =>
    name === 'index.json'
      ? index === ''
        ? undefined
        : Buffer.from(filled(index))
      : name === 'manifest.json'
        ? Buffer.from(filled(saved))
        : (blobs.get(name) ?? files.get(name));
  for (const tag of [undefined, 'a:1']) {
    const documents = orError(BadImage, () => readDocuments(read, tag, 'amd64'));
    for (const { name } of documents?.layers ?? []) assert.ok(name.length > 0, 'a layer has no name');
  }
}

const layer = (digest: string) =>
  `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"${digest}","size":3}`;
const zeros = `sha256:${'0'.repeat(64)}`;
const imageTexts = [
  '{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"@2","size":"#2","platform":{"os":"linux","architecture":"amd64"},"annotations":{"org.opencontainers.image.ref.name":"a:1"}}]}',
  `[{"Config":"c","RepoTags":["a:1"],"Layers":["l.tar"]}]`,
  `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"@1","size":"#1"},"layers":[${layer(zeros)}]}`,
  `{"os":"linux","architecture":"amd64","config":{"User":"a:b","Env":["A=b"],"Entrypoint":["/x"],"Cmd":[""],"WorkingDir":"/","Labels":{"a":"b"}},"rootfs":{"diff_ids":["${zeros}"]}}`,
];

// A way of four steps, so that only somebody who sees the steps finds its end.
function runPlanted(bytes: Buffer): void {
  const text = toLatin1(bytes);
  if (!text.startsWith('f')) return;
  if (!text.startsWith('fu')) return;
  if (!text.startsWith('fuz')) return;
  assert.ok(!text.startsWith('fuzz'), 'the planted fault');
}

/** A fault to be found, which shows that the coverage leads. */
export const planted: Target = { name: 'planted', begin: ['x'], run: runPlanted };

export const targets: readonly Target[] = [
  { name: 'elf', begin: ([64, 32] as const).map((bits) => toLatin1(elfImage(bits, 'little'))), run: runElf },
  {
    name: 'ld-cache',
    begin: [toLatin1(cacheWithHwcap(library, { ...library, name: bytePath('libb.so') }))],
    run: runCache,
  },
  {
    name: 'dpkg',
    begin: ['P:musl\nV:1.2-r0\nA:x86_64\no:musl\n\n', status, 'diverted\nto\nby\n', '/a\n/b\n'],
    run: runDpkg,
  },
  {
    name: 'unit',
    begin: [
      '[Service]\nStateDirectory=a b\nStandardOutput=file:/x\nEnvironment="A=b c" D\n',
      'd /run/a 0755 root root - -\n',
      'A="b\\"c"\nB=\'x\'\n',
    ],
    run: runUnit,
  },
  {
    name: 'manifest',
    begin: ['{"format":1,"recipe":{},"packs":[],"packages":{},"entries":[]}'],
    run: runManifest,
  },
  {
    name: 'rules',
    begin: [
      'sshd, in.*@host: .example.org EXCEPT a, 10.0.0.0/8 [fe80::]/64 @group: spawn (echo %h) & : allow\n',
      'ALL: ALL: DENY\n\0ALL: LOCAL: ALLOW\n',
    ],
    run: runRules,
  },
  { name: 'dns', begin: ['\0\x01\x01\0\0\x01\0\0\0\0\0\0\x03web\x04test\0\0\x01\0\x01'], run: runDns },
  {
    name: 'profile',
    begin: [
      '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":[]}],"syscalls":[{"names":["read","clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}],"includes":{"caps":["CAP_SYS_ADMIN"],"minKernel":"4.8"}}]}',
    ],
    run: runProfile,
  },
  {
    name: 'inetd',
    begin: [
      '7000 stream tcp nowait.40 sam:users /bin/id id -u # comment\n',
      'service a\n{\n type = UNLISTED\n port = 7\n socket_type = stream\n wait = no\n user = sam\n server = /bin/id\n only_from += 10.0.0.0/8\n}\n',
    ],
    run: runInetd,
  },
  {
    name: 'toml',
    begin: [
      '[services.a]\nlisten = ["127.0.0.1:7000"]\nuser = "sam"\nprogram = "/bin/id"\narguments = [ "a", \'b\' ]\n',
      'options = ["--ro-bind", "/opt/a"]\naccount = ["sam"]\ncap = "net_bind_service"\n',
    ],
    run: runToml,
  },
  {
    name: 'address',
    begin: ['10.0.0.1', '::ffff:1.2.3.4', 'fe80::1%eth0', '1:2:3:4:5:6:7:8'],
    run: runAddress,
  },
  {
    name: 'outbound',
    begin: [
      'api.test:443,8000-8010',
      '*.a.test:53/udp',
      'name=10.0.0.0/8:80',
      '[2001:db8::]/32:443',
      'host-loopback:5432',
    ],
    run: (bytes) => void orError(UsageError, () => toEntry(utf8(bytes), 'connectTo')),
  },
  {
    name: 'mountinfo',
    begin: ['36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n'],
    run: (bytes) => void readMounts(bytes),
  },
  {
    name: 'tar',
    begin: [
      archive(
        pax({ path: 'a/long', 'SCHILY.xattr.security.capability': 'x' }),
        member({ name: 'a/x', content: 'x' }),
        member({ name: 'a/.wh.x' }),
      ),
      archive(
        member({ name: 'd/', type: '5' }),
        member({ name: 'l', type: '2', target: '../d' }),
        member({ name: 'l/f', content: 'x' }),
        member({ name: 'h', type: '1', target: 'l/f' }),
      ),
      archive(
        pax({ 'GNU.sparse.map': '0,1,9,1', 'GNU.sparse.size': '20' }),
        member({ name: 's', content: 'ab' }),
      ),
    ].map(toLatin1),
    run: runTar,
  },
  { name: 'image', begin: [imageTexts.join('\0'), ['', ...imageTexts.slice(1)].join('\0')], run: runImage },
  { name: 'script', begin: ['#!/usr/bin/env -S A=b python3 -u\n', '#! /bin/sh -e\n'], run: runScript },
];
