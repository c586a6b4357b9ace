/**
 * What `npm start` runs. It is JavaScript, because Node before 24 could not even load TypeScript to
 * say which Node the service needs.
 */
import '../lib/config/node-version.js'

await import('./program.ts')
