// uchroot --doctor: prints which levels of isolation work. It is a separate bundle; see uchroot.ts.
import { doctorAsJson, doctorAsText } from '../launch/doctor/doctor-text.ts';
import { capabilities } from '../launch/doctor/levels.ts';

const FAILED = 125;

/** Passes the text to `output`. @returns the exit status: 125 if no level works */
export async function examine(format: 'text' | 'json', output: (text: string) => void): Promise<number> {
  const found = await capabilities();
  output(format === 'json' ? doctorAsJson(found) : doctorAsText(found));
  return found.best === undefined ? FAILED : 0;
}
