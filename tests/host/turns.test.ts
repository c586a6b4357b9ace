import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { expect, test } from 'vitest'
import { killGroup, startChild } from '#tests/support/child'

test('who connects to a busy server has an answer soon, however many clients never pause', async () => {
  const child = startChild(process.execPath, ['tests/support/busy-server.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [port] = await once(child.stdout ?? child, 'data')
    const ask = async (agent: Agent) => {
      const [answer] = await once(get({ agent, port: Number(port), host: '127.0.0.1' }), 'response')
      answer.resume()
      await once(answer, 'end')
    }
    let isOver = false
    const busy = Array.from({ length: 100 }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (!isOver) await ask(agent)
      agent.destroy()
    })
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const start = performance.now()
    // With one of them accepted after each hundred answers they need 15 s.
    await Promise.all(Array.from({ length: 30 }, () => ask(new Agent())))
    const neededMs = performance.now() - start
    isOver = true
    await Promise.all(busy)
    expect(neededMs).toBeLessThan(7000)
  } finally {
    killGroup(child)
  }
}, 60_000)
