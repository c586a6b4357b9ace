import { onPostgres } from '#tests/support/on-postgres'
import { hasVercel } from '#tests/support/vercel-build'

export default hasVercel ? onPostgres('vercel') : () => undefined
