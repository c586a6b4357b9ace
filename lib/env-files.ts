import nextEnv from '@next/env'

const quiet = { info: () => {}, error: console.error }

/** Loads `.env.local`, `.env` and their kin as `next` does, for the programs that run without it. */
export function loadEnvFiles(isDevelopment: boolean): void {
  nextEnv.loadEnvConfig(process.cwd(), isDevelopment, quiet)
}

/** Takes back what `loadEnvFiles` set, for a program that hands over to `next`. */
export function unloadEnvFiles(): void {
  nextEnv.resetEnv()
}
