import { expect, test } from 'vitest'
import { within } from '#lib/service/within'
import { left } from '#tests/unit/garbage'

test('what does not settle keeps nothing of those who have given up waiting for it', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const failures: WeakRef<object>[] = []
  const note = (error: object) => void failures.push(new WeakRef(error))
  await Promise.all(Array.from({ length: 100 }, () => within(1, promise).catch(note)))
  expect(failures).toHaveLength(100)
  await expect.poll(() => left(failures)).toBeLessThan(5)
  const waiting = [within(60_000, promise), within(60_000, promise)]
  resolve('open')
  expect(await Promise.all(waiting)).toEqual(['open', 'open'])
  expect(await within(60_000, promise)).toBe('open')
})

test('what fails, fails for all who wait, and for who comes later', async () => {
  const failed = Promise.reject(new Error('gone'))
  for (let asked = 0; asked < 2; asked += 1) {
    await expect(within(60_000, failed)).rejects.toThrow('gone')
  }
})
