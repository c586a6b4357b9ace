import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { guideVariants, writeGuide } from '#tests/support/guide'

test.each(guideVariants)('the code of the guide compiles as it is printed: %s', (variant) => {
  const folder = writeGuide(variant)
  const compiler = ['node_modules/typescript/bin/tsc', '-p', folder, '--listFiles']
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' })
  const own = stdout.split('\n').filter((line) => line.startsWith(folder))
  expect(own, stdout).toHaveLength(8)
  expect(status, stdout).toBe(0)
})
