/** A server that is busy with a request for as many milliseconds as its path says. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inTurns } from '#server/turns'

const server = createServer(
  inTurns(async ({ url = '' }, response) => {
    const end = performance.now() + Number(url.slice(1))
    while (performance.now() < end);
    // Later, as an answer from the database would come.
    await new Promise(setImmediate)
    response.end()
  }),
).listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
