// A defect for each rule.
import { dataDefects } from './defects/data.ts';
import { escapeDefects } from './defects/escape.ts';
import { placeDefects } from './defects/place.ts';
import { runningDefects } from './defects/running.ts';
import { tamperDefects } from './defects/tamper.ts';
import type { Defect } from './defects/defect.ts';

export const defects: readonly Defect[] = [
  ...placeDefects,
  ...escapeDefects,
  ...tamperDefects,
  ...dataDefects,
  ...runningDefects,
];
