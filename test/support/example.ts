// The JavaScript of the pages as modules that import this package by its name, as its users do.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

import * as library from '../../lib/index.ts';
import * as posix from '../../lib/posix.ts';
import * as tcpwrappers from '../../lib/tcpwrappers/index.ts';
import { packageDirectory } from './launch.ts';
import type { Block } from './page.ts';

const directory = `${packageDirectory}/build/test/pages`;

const modules = {
  uchroot: Object.keys(library),
  'uchroot/posix': Object.keys(posix),
  'uchroot/tcpwrappers': Object.keys(tcpwrappers),
};

/** Whether a block is JavaScript or TypeScript. */
export const isExample = ({ language }: Block): boolean => language === 'js' || language === 'ts';

const nameOf = ({ page, line }: Block): string => `${page.replaceAll(/\W/g, '-')}-${line}`;

/** The compiled module of a block. */
export const exampleOf = (block: Block): string => `${directory}/${nameOf(block)}.mjs`;

// The import of a name that the text uses and does not import itself: a page says once where its names come from.
function importsOf(text: string): string {
  const imported = [...text.matchAll(/import \{([^}]*)\}/g)].map(([, names = '']) => names).join();
  const isMissing = (name: string): boolean =>
    new RegExp(`(?<![.\\w'"])${name}\\b`).test(text) && !new RegExp(`\\b${name}\\b`).test(imported);
  return Object.entries(modules)
    .map(([module, names]) => {
      const missing = names.filter(isMissing);
      return missing.length === 0 ? '' : `import { ${missing.join(', ')} } from '${module}';\n`;
    })
    .join('');
}

/**
 * Compiles all examples under `strict`, and returns what the compiler says.
 *
 * @param contextOf code that stands before an example: the names that its page takes for granted
 */
export function compileExamples(
  blocks: readonly Block[],
  contextOf: (block: Block) => string | undefined,
): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const block of blocks) {
    const text = `${contextOf(block) ?? ''}${block.text}`;
    // a file beside the reader's own
    for (const [, names = '', file] of text.matchAll(/import \{([^}]*)\} from '\.\/([\w-]+)\.mjs'/g)) {
      const declared = names.split(',').map((name) => `export declare const ${name.trim()}: any;\n`);
      writeFileSync(`${directory}/${file}.d.mts`, declared.join(''));
    }
    // an example without imports and exports is a module too
    writeFileSync(`${directory}/${nameOf(block)}.mts`, `${importsOf(text)}${text}export {};\n`);
  }
  const compilerOptions = {
    rootDir: '.',
    outDir: '.',
    declaration: false,
    sourceMap: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  const config = { extends: '../../../tsconfig.json', compilerOptions, include: ['*.mts'], exclude: [] };
  writeFileSync(`${directory}/tsconfig.json`, JSON.stringify(config));
  const tsc = `${packageDirectory}/node_modules/typescript/bin/tsc`;
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', directory], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return stdout + stderr;
}
