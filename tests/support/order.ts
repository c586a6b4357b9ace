import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * First the files that need a worker of their own, the longest first, and then project by project
 * those that share one: Vitest keeps a worker only where the next file is of the same project.
 */
export default class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const suiteOf = ({ project }: TestSpecification) =>
      project.config.isolate ? '' : `shared by ${project.name}`
    return sorted.toSorted((one, other) => suiteOf(one).localeCompare(suiteOf(other)))
  }
}
