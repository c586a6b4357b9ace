/**
 * Serves the function whose files are in this folder as Vercel's launcher does: by Next's own
 * server in its minimal mode, which routes nothing and brings no other files. Prints where.
 */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'launcher.js'))
const { config: conf } = require('./.next/required-server-files.json')
const NextServer = require('next/dist/server/next-server').default

const answer = new NextServer({ conf, dir: '.', minimalMode: true, customServer: false })
const server = createServer(answer.getRequestHandler())
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
// An orderly end writes the compile cache, where there is one.
process.once('SIGTERM', () => process.exit())
