/**
 * The middleware function of a deployment, in a process of its own as on Vercel: this file, with the
 * folder of the function as its argument.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

interface Question {
  readonly id: number
  readonly url: string
  readonly init: { readonly method: string; readonly headers: Record<string, string> }
}

interface Answer {
  readonly id: number
  readonly status: number
  readonly headers: Record<string, string>
}

/** Asks the middleware, which is started by the first request that is for it, and is sent no bodies. */
export function middlewareOf(deployment: string) {
  const waiting = new Map<number, (answer: Answer) => void>()
  let child: ChildProcess | undefined

  function start(): ChildProcess {
    const started = fork(import.meta.filename, [join(deployment, 'functions/_middleware.func')])
    return started.on('message', (answer: Answer) => waiting.get(answer.id)?.(answer))
  }

  return {
    /** Its answer to a request, undefined where it leaves the request to the routes. */
    async ask({ method = 'GET', url, headers }: IncomingMessage): Promise<Answer | undefined> {
      child ??= start()
      const { promise, resolve } = Promise.withResolvers<Answer>()
      const id = waiting.size
      waiting.set(id, resolve)
      const named = Object.entries(headers).map(([name, value]) => [name, String(value)])
      const init = { method, headers: Object.fromEntries(named) }
      child.send({ id, url: `https://${headers.host}${url}`, init } satisfies Question)
      const answer = await promise
      return 'x-middleware-next' in answer.headers ? undefined : answer
    },
    end(): void {
      child?.kill()
    },
  }
}

if (process.argv[1] === import.meta.filename) {
  const require = createRequire(join(process.argv[2] ?? '', '/'))
  const serve: (request: Request) => Promise<Response> = require('./___next_launcher.cjs')
  process.on('message', async ({ id, url, init }: Question) => {
    const { status, headers } = await serve(new Request(url, init))
    process.send?.({ id, status, headers: Object.fromEntries(headers) } satisfies Answer)
  })
}
