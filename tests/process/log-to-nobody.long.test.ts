import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Logs 120 MB, tells how much memory that took, and exits as a service does. */
const program = `
const { log } = await import('#lib/log')
const { setTimeout: sleep } = await import('node:timers/promises')
log().info('first')
await sleep(50)
const before = process.memoryUsage().rss
for (let line = 0; line < 120_000; line += 1) {
  log().info({ text: 'x'.repeat(1000) })
  if (line % 1000 === 0) await sleep(1)
}
console.error((process.memoryUsage().rss - before) / 2 ** 20)
process.exit(0)
`

test.skipIf(process.platform !== 'linux').each([
  ['its disk is full', () => openSync('/dev/full', 'w')],
  ['nobody reads it', () => 'pipe' as const],
])('where %s, the log ends nothing, takes little memory and delays no exit', async (_, output) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, NODE_ENV: 'production', LOG_LEVEL: 'info' },
    stdio: ['ignore', output(), 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (text) => {
    said += text
  })
  const hung = setTimeout(() => child.kill('SIGKILL'), 100_000)
  expect(await once(child, 'exit'), said).toEqual([0, null])
  clearTimeout(hung)
  expect(Number(said), said).toBeLessThan(75)
})
