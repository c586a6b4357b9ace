import fc from 'fast-check'
import { test } from 'vitest'
import { check, timeoutMs } from '#tests/fuzz/runs'
import { histories } from '#tests/fuzz/steps'
import { World } from '#tests/fuzz/world'

test(
  'three users whose requests are interleaved see what each of them did, and nothing else',
  async () => {
    const property = fc.asyncProperty(histories, async (steps) => {
      const world = new World()
      for (const step of steps) await world.take(step)
      for (const user of world.users.keys()) await world.compare(user)
    })
    await check('model', property, 20)
  },
  timeoutMs,
)
