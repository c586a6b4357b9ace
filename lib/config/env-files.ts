import nextEnv from '@next/env'

const quiet = { info: () => {}, error: console.error }

/** Loads `.env.local`, `.env` and the like as Next does, for programs that run without Next. */
export function loadEnvFiles(isDevelopment: boolean): void {
  nextEnv.loadEnvConfig(process.cwd(), isDevelopment, quiet)
}

/**
 * Removes the variables that `loadEnvFiles` set, before a program starts `next dev`. Next loads the
 * files itself, and again when they change, each time on top of the original environment and
 * `kept`.
 */
export function unloadEnvFiles(kept: Readonly<Record<string, string>>): void {
  nextEnv.resetEnv()
  nextEnv.updateInitialEnv(kept)
}
