import { type ChildProcess, fork } from 'node:child_process'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'

export interface MiddlewareQuestion {
  readonly id: number
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
}

export interface MiddlewareAnswer {
  readonly id: number
  readonly status: number
  readonly headers: Record<string, string>
}

/**
 * The middleware function of a deployment, in a process of its own as on Vercel. It is started by
 * the first request that is for it, and is not sent bodies, which ours does not read.
 */
export function middlewareOf(deployment: string) {
  const waiting = new Map<number, (answer: MiddlewareAnswer) => void>()
  let child: ChildProcess | undefined
  let asked = 0

  function start(): ChildProcess {
    const program = join(import.meta.dirname, 'launch-middleware.ts')
    const started = fork(program, [join(deployment, 'functions/_middleware.func')])
    started.on('message', (answer: MiddlewareAnswer) => {
      waiting.get(answer.id)?.(answer)
      waiting.delete(answer.id)
    })
    return started
  }

  return {
    /** Its answer to a request, undefined where it leaves the request to the routes. */
    ask(req: IncomingMessage): Promise<MiddlewareAnswer | undefined> {
      child ??= start()
      asked += 1
      const { promise, resolve } = Promise.withResolvers<MiddlewareAnswer | undefined>()
      waiting.set(asked, (answer) =>
        resolve('x-middleware-next' in answer.headers ? undefined : answer),
      )
      const url = `https://${req.headers.host}${req.url}`
      child.send({ id: asked, url, method: req.method, headers: asPlain(req.headers) })
      return promise
    },
    end(): void {
      child?.kill()
    },
  }
}

function asPlain(headers: IncomingMessage['headers']): Record<string, string> {
  const named = Object.entries(headers).map(([name, value]) => [name, String(value)])
  return Object.fromEntries(named)
}
