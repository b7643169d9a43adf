/** The tests on a desktop, `npm run test:desktop`: as all others. */
import { join } from 'node:path';
import ordinary from '../../jest.config.mjs';

export default { ...ordinary, rootDir: join(import.meta.dirname, '../..'), roots: ['<rootDir>/test/desktop'], testPathIgnorePatterns: ['/node_modules/'] };
