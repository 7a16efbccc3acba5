// Builds a jail: plans what the programs need, puts it in place, and looks whether they would start.

import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import { setImmediate } from 'node:timers/promises';

import { readCache } from '../binary/cache.ts';
import { type MissingFile, openResolver } from '../binary/closure.ts';
import { readSmallFile } from '../binary/conf.ts';
import { type Cpu, readCpu } from '../binary/cpu.ts';
import { hostAbi } from '../binary/machine.ts';
import { type BytePath, bytePath, joinPath, lastComponent, pathBytes, showPath } from '../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot, openFileRoot } from '../binary/root.ts';
import { rememberStatus, walk } from '../binary/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { type Bytes, quote, toBuffer } from '../quote.ts';
import { CACHE_PATH, cacheFor } from './cache.ts';
import { openJailDirectory } from './directory.ts';
import { type JailPlan, planJail } from './plan.ts';
import { openWriter } from './write.ts';

export interface JailRequest {
  /** Where the jail is or will be, on the host; a relative path begins at the working directory. */
  readonly directory: Bytes;
  /** Programs of the host: a path, or a name that is looked up in `path`. At least one. */
  readonly programs: readonly Bytes[];
  /** Directories to look names up in, with colons between them; that of the environment if not given. */
  readonly path?: string;
}

export interface JailReport {
  /** The programs as they are to be named in the jail. */
  readonly programs: readonly string[];
  readonly files: number;
  readonly sizeBytes: number;
  readonly warnings: readonly string[];
}

/**
 * Makes the jail, or adds to it: the programs, whatever they need to start, /tmp and a few devices. All is owned by root, no file
 * keeps set-user-ID or set-group-ID, and links are kept as links. If it fails the jail is as it was,
 * but for ERR_MISSING "in the jail", which is seen only when the new files are in place.
 * @throws UsageError for a wrong request or a program that is not there; JailError, whose `code` is that of a system error or
 * ERR_INSECURE_PATH (somebody else could exchange the jail) or ERR_MISSING (something a program needs is not on the host; "in the jail": what the jail held before leads the loader astray).
 */
export async function buildJail(request: JailRequest): Promise<JailReport> {
  checkRequest(request);
  if (process.geteuid?.() !== 0)
    throw new JailError('a jail can be built by root only', { code: 'EPERM', hint: 'try sudo' });
  const host = openFileRoot('/');
  try {
    const source = rememberStatus(host);
    const programs = request.programs.map((program) => findProgram(source, program, request.path));
    const cpu = cpuOf(host);
    const plan = planJail(source, programs, cpu);
    const [missing] = plan.missing;
    if (missing !== undefined) throw lacks(missing);
    const warnings = await place(plan, source, absolute(request.directory), programs, cpu);
    const files = plan.entries.filter((entry) => entry.kind === 'file');
    return {
      programs: programs.map(showPath),
      files: files.length,
      sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      warnings,
    };
  } catch (error) {
    throw error instanceof UsageError ? error : toJailError(error);
  } finally {
    host.close();
  }
}

async function place(
  plan: JailPlan,
  source: FileRoot,
  directory: BytePath,
  programs: readonly BytePath[],
  cpu: Cpu,
): Promise<readonly string[]> {
  const opened = openJailDirectory(pathBytes(directory));
  const jail = openFileRoot(opened.fd);
  const writer = openWriter(source, jail);
  try {
    checkPlace(plan, source, jail, directory);
    for (const entry of plan.entries) {
      writer.add(entry);
      await setImmediate(); // a service that builds a jail goes on serving
    }
    const existing = readSmallFile(jail, CACHE_PATH, 64 << 20);
    const listed = existing === undefined ? [] : readCache(existing).entries;
    const cache = cacheFor(plan.cacheEntries, plan.endian, listed);
    if (cache !== undefined) {
      writer.add({ kind: 'directory', path: bytePath('/etc'), mode: 0o755 });
      writer.addData(CACHE_PATH, cache);
    }
    writer.commit();
    return [...writer.warnings, ...verify(source, jail, programs, cpu)];
  } catch (error) {
    writer.rollBack();
    opened.undo();
    throw error;
  } finally {
    closeSync(opened.fd);
  }
}

// A mistyped directory, /usr or /home, must not become a jail.
function checkPlace(plan: JailPlan, source: FileRoot, jail: DirectoryRoot, directory: BytePath): void {
  const inside = joinPath(walk(source, directory).path, bytePath('./')).replace(/\.\/$/, '');
  const own = plan.entries.find(({ kind, path }) => kind === 'file' && path.startsWith(inside));
  if (own !== undefined)
    throw new UsageError(
      `${showPath(directory)} holds the host's own ${showPath(own.path)}: it cannot be a jail`,
    );
  const names = jail.list(bytePath('/'))?.filter((name) => name !== 'lost+found') ?? [];
  if (names.length > 0 && !names.some((name) => name === 'usr' || name === 'bin'))
    throw new UsageError(`${showPath(directory)} is not empty, and no jail: it has neither /usr nor /bin`, {
      hint: 'name a new or an empty directory',
    });
}

// The jail's own files may lead the loader elsewhere than the host's: its cache, a library that was there before, and
// that a jail has no /proc.
function verify(host: FileRoot, jail: FileRoot, programs: readonly BytePath[], cpu: Cpu): readonly string[] {
  const onHost = openResolver(host, { cpu, hasProc: true });
  const withProc = openResolver(jail, { cpu, hasProc: true });
  const without = openResolver(jail, { cpu, hasProc: false });
  return programs.flatMap((program) => {
    const [missing] = withProc.resolve(program).missing;
    if (missing !== undefined) throw lacks(missing, ' in the jail');
    const found = without.resolve(program);
    const [lost] = found.missing;
    if (lost !== undefined) return [lacks(lost, ' in the jail').message];
    const paths = new Set(found.files.map(({ path }) => path));
    const other = onHost.resolve(program).files.find(({ path }) => !paths.has(path));
    return other === undefined
      ? []
      : [
          `${showPath(program)} finds another ${showPath(lastComponent(other.path))} in the jail than on the host`,
        ];
  });
}

const KEYS = ['directory', 'programs', 'path'];

function checkRequest(request: JailRequest): void {
  const unknown = Object.keys(request).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new UsageError(`unknown key ${quote(unknown)}`, { hint: `the keys are ${KEYS.join(', ')}` });
  if (request.programs.length === 0) throw new UsageError('no program is named');
  for (const value of [request.directory, ...request.programs]) {
    if (value.length === 0) throw new UsageError('a path is empty');
    if (toBuffer(value).includes(0)) throw new UsageError(`${quote(value)} contains a NUL byte`);
  }
}

function absolute(path: Bytes): BytePath {
  return joinPath(bytePath(process.cwd()), bytePath(path)).replace(/\/(\.\/)+/g, '/') as BytePath;
}

/** A name is looked for in PATH as a shell would, the first executable file being taken. */
function findProgram(
  root: FileRoot,
  program: Bytes,
  path = process.env['PATH'] ?? '/usr/bin:/bin',
): BytePath {
  const name = bytePath(program);
  const candidates = name.includes('/')
    ? [absolute(program)]
    : path.split(':').map((directory) => joinPath(absolute(directory === '' ? '.' : directory), name));
  for (const candidate of candidates) {
    const end = walk(root, candidate);
    if (
      end.kind === 'found' &&
      end.status.kind === 'file' &&
      (name.includes('/') || (end.status.mode & 0o111) !== 0)
    )
      return candidate;
    if (name.includes('/')) throw new UsageError(`program ${quote(program)}: ${WHY[end.kind]}`);
  }
  throw new UsageError(`program ${quote(program)} is in none of the directories of PATH`, {
    hint: 'give its path',
  });
}

const WHY = {
  found: 'it is not a regular file',
  missing: 'it is not there',
  'not-directory': 'a part of its path is not a directory',
  denied: 'it may not be read',
  loop: 'the symbolic links on the way lead in a circle',
} as const;

function cpuOf(host: FileRoot): Cpu {
  const abi = hostAbi(process.arch, endianness());
  const text = readSmallFile(host, bytePath('/proc/cpuinfo'), 16 << 20);
  return abi === undefined || text === undefined
    ? { hwcaps: [] }
    : readCpu(Buffer.from(text).toString('latin1'), abi);
}

function lacks(missing: MissingFile, where = ''): JailError {
  const path = showPath(missing.path);
  const what = {
    program: 'program',
    'script-interpreter': 'interpreter',
    'elf-interpreter': 'loader',
    library: 'library',
  }[missing.role];
  const needed = missing.neededBy === undefined ? '' : `, needed by ${showPath(missing.neededBy)}`;
  return new JailError(`${what} ${path}${needed}${where}: ${missing.message}`, { code: 'ERR_MISSING', path });
}

function toJailError(error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof JailError || code === undefined || !(error instanceof Error)) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return new JailError(path === undefined ? error.message : `${quote(path)}: ${error.message}`, {
    code,
    path,
    ...(code === 'ENOSPC' && { hint: 'make room; the jail is as it was' }),
  });
}
