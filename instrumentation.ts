/**
 * Next calls this once in each process, before the first request. It is bundled apart from the
 * routes, with a copy of all that they import, so Vercel's function does without (ADR 0045).
 */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs' && process.env.BUILT_ON_VERCEL !== '1') {
    const { startOrExit } = await import('#lib/service/start')
    await startOrExit(Number(process.env.PORT) || undefined)
  }
}
