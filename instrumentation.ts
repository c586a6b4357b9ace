/**
 * Next calls this once in each process, before the first request. Next bundles it apart from the
 * routes, with its own copy of every module that it imports, so Vercel's function does not use it
 * (ADR 0045).
 */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs' && process.env.BUILT_ON_VERCEL !== '1') {
    const { startOnNextOrExit } = await import('#lib/service/start')
    await startOnNextOrExit(Number(process.env.PORT) || undefined)
  }
}
