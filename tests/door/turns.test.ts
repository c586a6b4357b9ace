import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { memoryMbOf } from '#bench/processes'
import { killGroup, startChild } from '#tests/support/child'
import { openSocket } from '#tests/support/send'

const program = ['tests/door/busy-server.ts']
const child = startChild(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
afterAll(() => killGroup(child))
const [port] = await once(child.stdout ?? child, 'data')
const url = `http://127.0.0.1:${Number(port)}`

async function ask(agent: Agent): Promise<void> {
  const [answer] = await once(get(`${url}/5`, { agent }), 'response')
  answer.resume()
  await once(answer, 'end')
}

test('who connects to a busy server has an answer soon, however many clients never pause', async () => {
  let isOver = false
  const busy = Array.from({ length: 100 }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!isOver) await ask(agent)
    agent.destroy()
  })
  await sleep(1000)
  const start = performance.now()
  // With one of them accepted after each hundred answers they need 15 s.
  await Promise.all(Array.from({ length: 30 }, () => ask(new Agent())))
  const neededMs = performance.now() - start
  isOver = true
  await Promise.all(busy)
  expect(neededMs).toBeLessThan(7000)
})

// Only Linux tells how much memory another process has.
const onLinux = test.skipIf(process.platform !== 'linux')
onLinux('a client that sends without waiting for answers does not fill the memory', async () => {
  const socket = await openSocket(url)
  socket.resume().on('error', () => {})
  const many = 'GET /0.2 HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5000)
  const end = performance.now() + 3000
  while (performance.now() < end) {
    if (!socket.write(many)) await Promise.race([once(socket, 'drain'), sleep(500)])
  }
  const memoryMb = memoryMbOf(child.pid ?? 0)
  socket.destroy()
  expect(memoryMb).toBeGreaterThan(20)
  expect(memoryMb).toBeLessThan(300)
})
