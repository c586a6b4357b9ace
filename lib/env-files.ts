import nextEnv from '@next/env'
import { setVariable } from '#lib/env'

const quiet = { info: () => {}, error: console.error }

/** Loads `.env.local`, `.env` and their kin as `next` does, for the programs that run without it. */
export function loadEnvFiles(isDevelopment: boolean): void {
  nextEnv.loadEnvConfig(process.cwd(), isDevelopment, quiet)
}

/**
 * Takes back what `loadEnvFiles` set, for a program that hands over to `next`, but for these
 * variables. Next goes back to the environment that was there first whenever a file changes.
 */
export function unloadEnvFiles(kept: Readonly<Record<string, string>>): void {
  nextEnv.resetEnv()
  nextEnv.updateInitialEnv(kept)
  for (const [name, value] of Object.entries(kept)) setVariable(name, value)
}
