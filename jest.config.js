const major = Number(process.versions.node.split('.')[0])
if (major < 22)
  throw new Error(
    `The tests need Node.js 22 or later and this is ${process.version}. Run them with "npm test", which brings its own Node.`,
  )

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironmentOptions: { customExportConditions: ['middy-managed-instances/source', 'node', 'node-addons'] },
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  maxWorkers: 2,
  testTimeout: 30_000,
}
