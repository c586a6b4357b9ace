/** The least that a Node process can do for an answer: what everything else stands on. */
import { createServer } from 'node:http'
import { constantTask } from '#bench/peers/constant-task'

const body = JSON.stringify(constantTask)

createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(body)
}).listen(Number(process.env['PORT']), '127.0.0.1')
