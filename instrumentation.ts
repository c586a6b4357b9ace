/** Next calls this once in each process, before the first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { startOrExit } = await import('#lib/service/start')
    await startOrExit(Number(process.env.PORT) || undefined)
  }
}
