import nextEnv from '@next/env'

const quiet = { info: () => {}, error: console.error }

/** Loads `.env.local`, `.env` and their kin as `next` does, for the programs that run without it. */
export function loadEnvFiles(isDevelopment: boolean): void {
  nextEnv.loadEnvConfig(process.cwd(), isDevelopment, quiet)
}

/**
 * Takes back what `loadEnvFiles` set, for a program that hands over to `next dev`. Whenever a file
 * changes, Next goes back to the environment that was there first, and to these variables.
 */
export function unloadEnvFiles(kept: Readonly<Record<string, string>>): void {
  nextEnv.resetEnv()
  nextEnv.updateInitialEnv(kept)
}
