/**
 * Faults that no request of a client can cause, for a service that is started with `--import` of
 * this file. A request with `X-Planted` cannot be read: its headers throw, or the one that this names.
 * SIGUSR2 makes the process throw what nothing catches, as an exception or as the rejection of a
 * promise, by `PLANTED`.
 */
import { IncomingMessage, Server } from 'node:http'

const emit = Server.prototype.emit
Server.prototype.emit = function (event: string | symbol, ...rest: unknown[]) {
  const [request] = rest
  if (request instanceof IncomingMessage && request.headers['x-planted'] !== undefined) {
    const planted = String(request.headers['x-planted'])
    const get = () => {
      throw new Error(`planted: ${planted} cannot be read`)
    }
    const target = planted === 'headers' ? request : request.headers
    Object.defineProperty(target, planted, { get, enumerable: true })
  }
  return Reflect.apply(emit, this, [event, ...rest])
}

process.on('SIGUSR2', () => {
  const fault = new Error('planted')
  if (process.env['PLANTED'] === 'rejection') void Promise.reject(fault)
  else throw fault
})
