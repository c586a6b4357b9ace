/**
 * Faults that no request of a client can cause, for a service that is started with `--import` of
 * this file. A request with `X-Planted` cannot be read: its headers throw. SIGUSR2 makes the process
 * throw what nothing catches, as an exception or as the rejection of a promise, by `PLANTED`.
 */
import { type IncomingMessage, Server } from 'node:http'

const emit = Server.prototype.emit
Server.prototype.emit = function (event: string | symbol, ...rest: unknown[]) {
  if (event === 'request') {
    const request = rest[0] as IncomingMessage
    if (request.headers['x-planted'] !== undefined) {
      Object.defineProperty(request, 'headers', {
        get() {
          throw new Error('planted: the headers cannot be read')
        },
      })
    }
  }
  return Reflect.apply(emit, this, [event, ...rest])
}

process.on('SIGUSR2', () => {
  if (process.env['PLANTED'] === 'rejection') void Promise.reject(new Error('planted: rejected'))
  else
    setImmediate(() => {
      throw new Error('planted: thrown')
    })
})
