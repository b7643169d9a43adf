/** Records the worked example anew and puts it into docs/xtls-profile.md: `npm run example`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { example } from './example.ts';
import { pageFile, replaceExample } from './page.ts';
import { record } from './recording.ts';

writeFileSync(pageFile, replaceExample(readFileSync(pageFile, 'utf8'), await example(await record())));
