/** `npm run introspect`: interfaces/*.xml → src/bus/interfaces.ts. With `--check` nothing is written, and a stale file is exit code 1. */
import process from 'node:process';
import { introspect } from './generate.ts';

const folder = import.meta.dirname;
const target = `${folder}/../src/bus/interfaces.ts`;
const { ok, message } = introspect({ folder, target, check: process.argv.includes('--check') });
(ok ? process.stdout : process.stderr).write(`${message}\n`);
process.exitCode = ok ? 0 : 1;
