import { target } from '#tests/support/target'

export default target('next', async () => ({ DATABASE_URL: 'pglite://' }))
