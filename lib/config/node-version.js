/**
 * Ends a program on a Node that is older than package.json demands, and says what to do. It is
 * JavaScript, because such a Node fails on the first TypeScript file with
 * `ERR_UNKNOWN_FILE_EXTENSION`.
 */
import { readFileSync } from 'node:fs'

const packageJson = new URL('../../package.json', import.meta.url)
const [needed] = JSON.parse(readFileSync(packageJson, 'utf8')).engines.node.match(/\d+/)

if (Number.parseInt(process.versions.node, 10) < Number(needed)) {
  console.error(
    `This needs Node ${needed} or later, and ${process.execPath} is Node ${process.versions.node}.
Install Node ${needed}. Or run npm ci without --omit=dev: it brings Node ${needed} along for npm start and npm run.`,
  )
  process.exit(1)
}
