/** Tests are TypeScript modules; swc only strips types, `npm run types` checks them. */
export default {
  rootDir: '.',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // Those have a configuration of their own, which says so.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/desktop/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.c?ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }] },
  testTimeout: 30_000,
};
