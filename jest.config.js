const major = Number(process.versions.node.split('.')[0])
if (major < 22)
  throw new Error(
    `The tests need Node.js 22 or later and this is ${process.version}. Run them with "npm test", which brings its own Node.`,
  )

/** What starts environments and servers of its own, and watches their clocks. */
const wholeMachine = ['test/runtime', 'test/chaos', 'test/shared', 'test/examples/ingest.test.ts']

/** @type {import('jest').Config} */
const project = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironmentOptions: { customExportConditions: ['middy-managed-instances/source', 'node', 'node-addons'] },
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
}

/** @type {import('jest').Config} */
export default {
  maxWorkers: 2,
  // Not heeded in a project.
  testTimeout: 30_000,
  projects: [
    { ...project, testPathIgnorePatterns: wholeMachine.map((path) => `<rootDir>/${path}`) },
    {
      ...project,
      testMatch: wholeMachine.map((path) => `<rootDir>/${path.endsWith('.ts') ? path : `${path}/**/*.test.ts`}`),
      runner: '<rootDir>/test/one-at-a-time.js',
    },
  ],
}
