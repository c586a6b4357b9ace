import { once } from 'node:events'
import fc from 'fast-check'
import { afterAll, expect } from 'vitest'
import { memoryMbOf } from '#bench/processes'
import { type MutatedRequest, mutatedRequests } from '#tests/door/mutated-request'
import { testProperty } from '#tests/fuzz/runs'
import { openSocket, send } from '#tests/support/send'
import { serve } from '#tests/support/serve'
import { newUser, tokenFor } from '#tests/support/tokens'

const user = newUser()
const service = await serve('node')
let before: number | undefined
const memoryMb = () => memoryMbOf(service.process.pid ?? 0)

afterAll(async () => {
  expect(service.output()).not.toContain('"event":"fault"')
  expect(memoryMb() - (before ?? 0)).toBeLessThan(200)
  await service.stop('SIGKILL')
})

/** Sends a request, and returns all answers until the connection is closed, but for a 100. */
async function answersTo({ bytes, isWhole }: MutatedRequest): Promise<string> {
  const socket = await openSocket(service.url)
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    received = (received + chunk).replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')
    // What is answered and kept open is closed by the client.
    if (received !== '') socket.end()
  })
  // A refusal resets the connection if something of the request is unread.
  socket.on('error', () => {})
  socket.setTimeout(60_000, () => socket.destroy())
  socket.write(bytes)
  if (!isWhole) socket.end()
  await once(socket, 'close')
  return received
}

/** What is wrong with the answers on one connection, undefined if nothing is. */
function faultIn(received: string, { isWhole }: MutatedRequest): string | undefined {
  if (received === '' && isWhole) return 'there is no answer'
  for (let rest = received; rest !== ''; ) {
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

const authorization = `Bearer ${await tokenFor(user)}`
const atOnce = fc.array(mutatedRequests(authorization), { minLength: 20, maxLength: 20 })

testProperty(
  'no mutated request ends plain Node, is a 5xx, or has no answer',
  25,
  atOnce,
  async (requests) => {
    const answers = await Promise.all(requests.map(answersTo))
    for (const [index, request] of requests.entries()) {
      const received = answers[index] ?? ''
      const said = `${JSON.stringify(request.bytes.toString('latin1'))}\n${received}`
      expect(faultIn(received, request), said).toBeUndefined()
    }
    expect(service.process.exitCode).toBeNull()
    expect((await send(service.url, 'GET', '/api/tasks?limit=1', user)).status).toBe(200)
    before ??= memoryMb()
  },
)
