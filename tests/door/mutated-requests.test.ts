import { expect, test } from 'vitest'
import { memoryMbOf } from '#bench/processes'
import {
  answersTo,
  limitMs,
  type MutatedRequest,
  mutatedRequest,
  randomFrom,
  withoutContinue,
} from '#tests/door/mutated-request'
import { send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser, tokenFor } from '#tests/support/tokens'

const count = Number(process.env['MUTATED_REQUESTS'] ?? 500)
const seed = Number(process.env['MUTATED_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const atOnce = 20

/** What is wrong with the answers on one connection, undefined if nothing is. */
function faultIn(received: string, { isWhole }: MutatedRequest): string | undefined {
  let rest = withoutContinue(received)
  if (rest === '') return isWhole ? 'there is no answer' : undefined
  while (rest !== '') {
    const [head] = rest.split('\r\n\r\n', 1)
    const [, status = ''] = /^HTTP\/1\.1 (\d{3}) [A-Z]/.exec(rest) ?? []
    if (head === undefined || status === '') return 'it is not an answer'
    if (Number(status) >= 500) return `the status is ${status}`
    const [, type = ''] = /\r\ncontent-type: (\S+)/i.exec(head) ?? []
    const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(head) ?? []
    // A HEAD has no body, unless it is refused before its method is known.
    const hasBody = rest.length > head.length + 4 && !rest.startsWith('HTTP/', head.length + 4)
    const end = head.length + 4 + (hasBody ? Number(length) : 0)
    const body = rest.slice(head.length + 4, end)
    if (Number(status) >= 400) {
      if (type !== 'application/problem+json') return `the type is ${type}`
      if (hasBody && JSON.parse(body)['status'] !== Number(status)) return 'the document differs'
    }
    rest = rest.slice(end)
  }
  return undefined
}

test(`no mutated request of ${count} ends plain Node, is a 5xx, or has no answer (seed ${seed})`, {
  timeout: limitMs + count * 100,
}, async () => {
  await using service = await serve('node')
  const random = randomFrom(seed)
  const user = newUser()
  const authorization = `Bearer ${await tokenFor(user)}`
  let before: number | undefined
  for (let sent = 0; sent < count; sent += atOnce) {
    const requests = Array.from({ length: atOnce }, () => mutatedRequest(random, authorization))
    const answers = await Promise.all(requests.map((request) => answersTo(service.url, request)))
    for (const [index, request] of requests.entries()) {
      const received = answers[index] ?? ''
      const said = `${JSON.stringify(request.bytes.toString('latin1'))}\n${received}`
      expect(faultIn(received, request), said).toBeUndefined()
    }
    expect(service.process.exitCode).toBeNull()
    expect((await send(service.url, 'GET', '/api/tasks?limit=1', user)).status).toBe(200)
    before ??= memoryMbOf(service.process.pid ?? 0)
  }
  expect(service.output()).not.toContain('"event":"fault"')
  expect(memoryMbOf(service.process.pid ?? 0) - (before ?? 0)).toBeLessThan(200)
})
