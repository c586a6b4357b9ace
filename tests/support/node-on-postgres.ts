import { onPostgres } from '#tests/support/on-postgres'

export default onPostgres('node')
