import type { Reporter, TestModule } from 'vitest/node'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * First the files that need a worker of their own, the longest first, and then project by project
 * those that share one: Vitest keeps a worker only where the next file is of the same project.
 */
export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const suiteOf = ({ project }: TestSpecification) =>
      project.config.isolate ? '' : `shared by ${project.name}`
    return sorted.toSorted((one, other) => suiteOf(one).localeCompare(suiteOf(other)))
  }
}

/** Ends a run with one line that counts what really ran. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((each) => each.result().state === state).length
    const broken = modules.filter((module) => module.errors().length > 0).length
    const failed = count('failed') + broken + errors.length
    console.log(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`)
  }
}
