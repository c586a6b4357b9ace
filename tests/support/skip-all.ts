import { TestRunner, type TestRunnerConfig } from 'vitest'

/** Runs no test of a project whose program is not installed, and counts each as skipped. */
export default class SkipAll extends TestRunner {
  constructor(config: TestRunnerConfig) {
    super({ ...config, testNamePattern: /(?!)/ })
  }
}
