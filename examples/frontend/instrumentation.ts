/** Makes the tables of Better Auth, or the missing ones, before the first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { auth } = await import('@/lib/auth')
  const { runMigrations } = await auth.$context
  await runMigrations()
}
